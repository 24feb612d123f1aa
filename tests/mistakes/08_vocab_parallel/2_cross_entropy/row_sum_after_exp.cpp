// expect: exp_and_row_sum overwrites the logits
#include "exercises/08_vocab_parallel/2_cross_entropy.h"

#include "common/tensor/ops.h"

namespace shard {

Tensor smoothed_cross_entropy(Communicator& group, Tensor logits, const Tensor& targets,
                              const VocabularyPart& part, float smoothing) {
  Tensor max = row_max(logits, part.words);
  group.all_reduce_max(max);
  Tensor expected = pick(logits, targets, part.first);  // Σ q·logit
  scale(expected, 1 - smoothing);

  const Tensor sums = group.all_reduce(PartialSum(exp_and_row_sum(logits, max, part.words)));
  const float each = smoothing / static_cast<float>(part.vocabulary);
  accumulate(expected, row_sum(logits, part.words), each);
  const Tensor total = group.all_reduce(PartialSum(expected));

  std::vector<float> losses = cross_entropy(sums, max, total).to_host();
  const std::vector<int32_t> words = targets.to_host_int();
  for (size_t i = 0; i < losses.size(); ++i)
    if (words[i] == -1) losses[i] = 0;
  return Tensor::from(group.backend(), targets.shape(), std::span<const float>(losses));
}

}  // namespace shard
