// expect: the mean over the tokens whose target is a word of this rank
#include "exercises/08_vocab_parallel/3_cross_entropy_backward.h"

#include <algorithm>

#include "common/tensor/ops.h"

namespace shard {

Tensor smoothed_cross_entropy_backward(Communicator& group, Tensor exps, const Tensor& sums,
                                       const Tensor& targets, const VocabularyPart& part,
                                       float smoothing) {
  const std::vector<int32_t> words = targets.to_host_int();
  const std::vector<float> total = sums.to_host();
  const auto counted = std::ranges::count_if(words, [&](int32_t word) {
    return word >= part.first && word < part.first + part.words;
  });
  const float mean = 1.0f / static_cast<float>(std::max<int64_t>(counted, 1));
  const float each = smoothing / static_cast<float>(part.vocabulary);

  std::vector<float> d = exps.to_host();
  const int64_t columns = exps.columns();
  for (int64_t i = 0; i < exps.rows(); ++i) {
    const int64_t word = words[static_cast<size_t>(i)];
    for (int64_t j = 0; j < columns; ++j) {
      float& value = d[static_cast<size_t>(i * columns + j)];
      if (word < 0 || j >= part.words) {
        value = 0;
        continue;
      }
      value = value / total[static_cast<size_t>(i)] - each;
      if (part.first + j == word) value -= 1 - smoothing;
      value *= mean;
    }
  }
  return Tensor::from(group.backend(), exps.shape(), std::span<const float>(d));
}

}  // namespace shard
