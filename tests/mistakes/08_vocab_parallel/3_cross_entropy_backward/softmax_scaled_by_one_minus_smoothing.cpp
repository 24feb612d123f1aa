// expect: 1-ε belongs to the target, the softmax counts once
#include "exercises/08_vocab_parallel/3_cross_entropy_backward.h"

#include "common/tensor/ops.h"

namespace shard {

Tensor smoothed_cross_entropy_backward(Communicator&, Tensor exps, const Tensor& sums,
                                       const Tensor& targets, const VocabularyPart& part,
                                       float smoothing) {
  const std::vector<int32_t> words = targets.to_host_int();
  int64_t counted = 0;
  for (const int32_t word : words) counted += word >= 0 ? 1 : 0;
  const float mean = 1.0f / static_cast<float>(counted);

  cross_entropy_backward(exps, sums, targets, part.first, (1 - smoothing) * mean);
  std::vector<float> uniform(static_cast<size_t>(exps.columns()), 0.0f);
  for (int64_t j = 0; j < part.words; ++j)
    uniform[static_cast<size_t>(j)] = -smoothing * mean / static_cast<float>(part.vocabulary);
  add_bias(exps, Tensor::from(exps.backend(), {exps.columns()}, std::span<const float>(uniform)));

  for (int64_t i = 0; i < exps.rows(); ++i) {
    if (words[static_cast<size_t>(i)] >= 0) continue;
    Tensor row = exps.slice({i, i + 1});
    fill(row, 0);
  }
  return exps;
}

}  // namespace shard
