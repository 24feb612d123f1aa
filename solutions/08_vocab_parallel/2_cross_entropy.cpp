#include "exercises/08_vocab_parallel/2_cross_entropy.h"

#include "common/tensor/ops.h"

namespace shard {

Tensor smoothed_cross_entropy(Communicator& group, Tensor logits, const Tensor& targets,
                              const VocabularyPart& part, float smoothing) {
  Tensor max = row_max(logits, part.words);  // [tokens]
  group.all_reduce_max(max);

  // (1-ε)·logit_target + ε/V · Σ logits: each rank adds its terms of both, and one all-reduce sums
  // them over the ranks.
  Tensor mixed = pick(logits, targets, part.first);  // [tokens]
  scale(mixed, 1 - smoothing);
  const Tensor row_sums =
      matmul(columns_of(logits, {0, part.words}), Tensor::full(max.backend(), {part.words, 1}, 1));
  accumulate(mixed, row_sums.reshape(mixed.shape()),
             smoothing / static_cast<float>(part.vocabulary));
  mixed = group.all_reduce(PartialSum(mixed));

  const Tensor sums = group.all_reduce(PartialSum(exp_and_row_sum(logits, max, part.words)));
  const Tensor losses = cross_entropy(sums, max, mixed);
  const std::vector<int32_t> words = targets.to_host_int();
  for (int64_t i = 0; i < std::ssize(words); ++i) {
    Tensor loss = losses.slice({i, i + 1});
    if (words[i] < 0) fill(loss, 0);
  }
  return losses;
}

}  // namespace shard
