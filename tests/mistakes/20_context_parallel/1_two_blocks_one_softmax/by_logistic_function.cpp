// right: O ← O - σ(b - a)(O - O_b), as published; σ(-∞) is 0
#include <algorithm>
#include <cmath>

#include "exercises/20_context_parallel/1_two_blocks_one_softmax.h"

namespace shard {

BlockResult merged(const BlockResult& a, const BlockResult& b) {
  if (a.log_sum_exp == -INFINITY) return b;
  const float share = 1 / (1 + std::exp(a.log_sum_exp - b.log_sum_exp));  // σ(b - a)
  BlockResult both{a.output, a.log_sum_exp - std::log1p(-share)};
  if (share > 0.5f) both.log_sum_exp = b.log_sum_exp - std::log(share);
  for (size_t i = 0; i < a.output.size(); ++i)
    both.output[i] -= share * (a.output[i] - b.output[i]);
  return both;
}

}  // namespace shard
