// expect: smoothed by ε over the words of each rank: V is the number of all ranks' words
#include "exercises/08_vocab_parallel/2_cross_entropy.h"

#include "common/tensor/ops.h"

namespace shard {

Tensor smoothed_cross_entropy(Communicator& group, Tensor logits, const Tensor& targets,
                              const VocabularyPart& part, float smoothing) {
  Tensor max = row_max(logits, part.words);  // [tokens]
  group.all_reduce_max(max);

  // q adds up to 1, so the loss is log Σ exp - Σ q·logit. A rank's terms of the second sum are
  // (1-ε)·logit_target + ε/V · Σ logits of its words: one number a token.
  Tensor mixed = pick(logits, targets, part.first);  // [tokens]
  scale(mixed, 1 - smoothing);
  accumulate(mixed, row_sum(logits, part.words), smoothing / static_cast<float>(part.words));
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
