// expect: for u = 0.25000000 is 0, expected 1: the sum of the probabilities
#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/tensor/ops.h"
#include "exercises/12_generation/1_sample_sharded.h"

namespace shard {

static float largest_of_all(Communicator& group, float mine) {
  Tensor largest = Tensor::full(group.backend(), {1}, mine);
  group.all_reduce_max(largest);
  return largest.to_host()[0];
}

int32_t sample_sharded(Communicator& group, const Tensor& logits, Range words, double temperature,
                       double u) {
  std::vector<float> mine = logits.to_host();
  mine.resize(static_cast<size_t>(words.size()));
  const auto first_of_largest = std::max_element(mine.begin(), mine.end());
  const float max = largest_of_all(group, mine.empty() ? -INFINITY : *first_of_largest);
  if (temperature == 0) {
    const bool here = !mine.empty() && *first_of_largest == max;
    const auto word = static_cast<float>(words.begin + (first_of_largest - mine.begin()));
    return static_cast<int32_t>(-largest_of_all(group, here ? -word : -INFINITY));
  }
  std::vector<double> weights;
  for (const float logit : mine) weights.push_back(std::exp((logit - max) / temperature));
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  const std::vector<float> sums =
      group.all_gather(Tensor::full(group.backend(), {1}, static_cast<float>(sum))).to_host();
  double running = std::accumulate(sums.begin(), sums.begin() + group.rank(), 0.0);
  const double target = u * std::accumulate(sums.begin(), sums.end(), 0.0);
  float word = -1;
  if (running <= target && target < running + sums[static_cast<size_t>(group.rank())]) {
    size_t i = 0;
    while (i + 1 < weights.size() && (running += weights[i]) < target) ++i;
    word = static_cast<float>(words.begin) + static_cast<float>(i);
  }
  return static_cast<int32_t>(largest_of_all(group, word));
}

}  // namespace shard
