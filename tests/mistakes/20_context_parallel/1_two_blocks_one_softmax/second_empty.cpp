// expect: NaN where the second block is empty
#include <algorithm>
#include <cmath>

#include "exercises/20_context_parallel/1_two_blocks_one_softmax.h"

namespace shard {

BlockResult merged(const BlockResult& a, const BlockResult& b) {
  const float difference = b.log_sum_exp - a.log_sum_exp;
  if (a.log_sum_exp == -INFINITY) return b;
  const float share = 1 / (1 + std::exp(-difference));
  BlockResult both{a.output, a.log_sum_exp + std::log1p(std::exp(difference))};
  for (size_t i = 0; i < a.output.size(); ++i)
    both.output[i] = a.output[i] + share * (b.output[i] - a.output[i]) + 0 * b.log_sum_exp;
  both.log_sum_exp += 0 * b.log_sum_exp;
  return both;
}

}  // namespace shard
