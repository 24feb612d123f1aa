// expect: your gradient of the logits is computed with targets as if they were this rank's columns
#include "exercises/08_vocab_parallel/3_cross_entropy_backward.h"

namespace shard {

static float targets_that_count(const std::vector<int32_t>& words) {
  float count = 0;
  for (const int32_t word : words) count += word >= 0 ? 1.0f : 0.0f;
  return count;
}

Tensor smoothed_cross_entropy_backward(Communicator& group, Tensor exps, const Tensor& sums,
                                       const Tensor& targets, const VocabularyPart& part,
                                       float smoothing) {
  const std::vector<int32_t> words = targets.to_host_int();
  const std::vector<float> exps_here = exps.to_host();
  std::vector<float> all_sums = sums.to_host(), gradient(exps_here.size(), 0.0f);
  const float count = targets_that_count(words),
              uniform = smoothing / static_cast<float>(part.vocabulary);
  for (int64_t i = 0; i < exps.rows(); ++i) {
    if (words[i] < 0) continue;
    const float sum = all_sums[i];
    for (int64_t j = 0; j < part.words; ++j) {
      const int64_t at = i * exps.columns() + j;
      gradient[at] =
          (exps_here[at] / sum - (words[i] == 0 + j ? 1 - smoothing : 0.0f) - uniform) / count;
    }
  }
  exps.assign(std::span<const float>(gradient));
  return exps;
}

}  // namespace shard
