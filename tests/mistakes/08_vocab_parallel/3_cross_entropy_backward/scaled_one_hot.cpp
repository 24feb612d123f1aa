// expect: your gradient of the logits is (1-ε) times that of the loss without label smoothing
#include "common/tensor/ops.h"
#include "exercises/08_vocab_parallel/3_cross_entropy_backward.h"

namespace shard {

Tensor smoothed_cross_entropy_backward(Communicator&, Tensor exps, const Tensor& sums,
                                       const Tensor& targets, const VocabularyPart& part,
                                       float smoothing) {
  const std::vector<int32_t> words = targets.to_host_int();
  float count = 0;
  for (const int32_t word : words) count += word >= 0 ? 1.0f : 0.0f;
  cross_entropy_backward(exps, sums, targets, part.first, (1 - smoothing) / count);
  for (int64_t i = 0; i < std::ssize(words); ++i) {
    Tensor row = exps.slice({i, i + 1});
    if (words[i] < 0) fill(row, 0);
  }
  return exps;
}

}  // namespace shard
