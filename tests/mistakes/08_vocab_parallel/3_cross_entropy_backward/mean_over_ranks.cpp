// expect: your gradient of the logits is divided by the number of ranks: each rank has logits of its own
#include <algorithm>

#include "common/tensor/ops.h"
#include "exercises/08_vocab_parallel/3_cross_entropy_backward.h"

namespace shard {

Tensor smoothed_cross_entropy_backward(Communicator& group, Tensor exps, const Tensor& sums,
                                       const Tensor& targets, const VocabularyPart& part,
                                       float smoothing) {
  const std::vector<int32_t> words = targets.to_host_int(), none(words.size(), -1);
  const float factor = 1.0f / static_cast<float>(std::ssize(words) - std::ranges::count(words, -1));
  Tensor softmax = exps.clone();
  const Tensor no_targets =
      Tensor::from(exps.backend(), targets.shape(), std::span<const int32_t>(none));
  cross_entropy_backward(softmax, sums, no_targets, part.first, 1);
  cross_entropy_backward(exps, sums, targets, part.first, (1 - smoothing) * factor);
  accumulate(exps, softmax, smoothing * factor);
  std::vector<float> share(exps.columns(), 0.0f);
  std::fill_n(share.begin(), part.words, -smoothing * factor / static_cast<float>(part.vocabulary));
  add_bias(exps, Tensor::from(exps.backend(), {exps.columns()}, std::span<const float>(share)));

  for (int64_t i = 0; i < std::ssize(words); ++i) {
    Tensor row = exps.slice({i, i + 1});
    if (words[i] < 0) fill(row, 0);
  }
  scale(exps, 1.0f / static_cast<float>(group.size()));
  return exps;
}

}  // namespace shard
