#pragma once
#include <vector>

namespace shard {

/// What attention has computed for one query over some of its keys.
struct BlockResult {
  std::vector<float> output;  // Σ p·v over these keys, [head_width]; zeros if it saw none
  float log_sum_exp;          // log Σ exp(score) over these keys; -∞ if it saw none
};

/// The result over the keys of both, which have no key in common. The outputs are equally long.
BlockResult merged(const BlockResult& a, const BlockResult& b);

}  // namespace shard
