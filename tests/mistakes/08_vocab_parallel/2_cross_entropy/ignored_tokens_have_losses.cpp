// expect: of the tokens with target -1: they have no target, so their loss is 0
#include "common/tensor/ops.h"
#include "exercises/08_vocab_parallel/2_cross_entropy.h"

namespace shard {

/// factor · Σ of the first `words` logits of each row.
static Tensor uniform_term(const Tensor& logits, int64_t words, float factor) {
  Tensor sums = row_sum(logits, words);
  scale(sums, factor);
  return sums;
}

Tensor smoothed_cross_entropy(Communicator& group, Tensor logits, const Tensor& targets,
                              const VocabularyPart& part, float smoothing) {
  Tensor max = row_max(logits, part.words);
  group.all_reduce_max(max);
  Tensor mixed = pick(logits, targets, part.first);
  scale(mixed, 1 - smoothing);
  accumulate(mixed,
             uniform_term(logits, part.words, smoothing / static_cast<float>(part.vocabulary)));
  mixed = group.all_reduce(PartialSum(mixed));
  const Tensor sums = group.all_reduce(PartialSum(exp_and_row_sum(logits, max, part.words)));
  return cross_entropy(sums, max, mixed);
}

}  // namespace shard
