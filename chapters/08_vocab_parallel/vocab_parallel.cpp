#include "chapters/08_vocab_parallel/vocab_parallel.h"

#include <algorithm>

#include "common/comm/trace.h"
#include "common/tensor/ops.h"

namespace shard {

Range vocabulary_part(int64_t vocabulary, int ranks, int rank, int64_t multiple) {
  const int64_t unit = ranks * multiple;  // what the padded vocabulary is a multiple of
  const int64_t rows = (vocabulary + unit - 1) / unit * multiple;
  return {rank * rows, (rank + 1) * rows};
}

Range vocabulary_part(int64_t vocabulary, const Communicator& group) {
  return vocabulary_part(vocabulary, group.size(), group.rank(),
                         group.backend().vocabulary_multiple());
}

VocabParallelEmbedding::VocabParallelEmbedding(Communicator& group, const std::string& name,
                                               int64_t vocabulary, int64_t width, const Init& init)
    : weight(group.backend(), name + ".weight",
             Shard::of_rows({vocabulary, width}, vocabulary_part(vocabulary, group)), init.seed,
             init.weight),
      group_(group),
      part_(vocabulary_part(vocabulary, group)) {}

//! [08-embedding]
// ids: [tokens]
Tensor VocabParallelEmbedding::forward(const Tensor& ids, Kept& kept) const {
  TraceRange range(TraceRow::compute, "embedding forward");
  return group_.all_reduce(partial_forward(ids, kept));
}

PartialSum VocabParallelEmbedding::partial_forward(const Tensor& ids, Kept& kept) const {
  kept.ids = ids;
  return PartialSum(gather_rows(*weight.use(), ids, part_.begin));  // one rank's row + zeros
}

// dy: [tokens × width]
void VocabParallelEmbedding::backward(const Tensor& dy, const Kept& kept) {
  TraceRange range(TraceRow::compute, "embedding backward");
  add_to_rows(weight.open_gradient(), kept.ids, dy, part_.begin);
  weight.gradient_is_ready();
}
//! [08-embedding]

VocabParallelCrossEntropy::VocabParallelCrossEntropy(Communicator& group, int64_t vocabulary)
    : group_(group),
      part_(vocabulary_part(vocabulary, group)),
      valid_(std::clamp<int64_t>(vocabulary - part_.begin, 0, part_.size())) {}

//! [08-loss]
// logits: [tokens × ⌈vocabulary/t⌉]
Tensor VocabParallelCrossEntropy::forward(const Tensor& logits, const Tensor& targets,
                                          Kept& kept) const {
  TraceRange range(TraceRow::compute, "cross entropy forward");
  kept.logits = logits;
  kept.targets = targets;
  const ExpSums own = exp_sums(logits, valid_);  // of this rank's words: one pass over the logits
  kept.max = own.max.clone();                    // [tokens]
  group_.all_reduce_max(kept.max);
  kept.exp_sums = group_.all_reduce(PartialSum(rescaled(own, kept.max)));
  const Tensor target_logit = group_.all_reduce(PartialSum(pick(logits, targets, part_.begin)));
  // log Σ exp(logit - max) + max - target's logit
  return cross_entropy(kept.exp_sums, kept.max, target_logit, targets);
}

Tensor VocabParallelCrossEntropy::backward(float factor, Kept& kept) const {
  TraceRange range(TraceRow::compute, "cross entropy backward");
  require(bool(kept.logits), "cross entropy: one forward pass is good for one backward pass");
  // factor · (softmax - one-hot), in place: one pass
  softmax_minus_targets(kept.logits, {kept.max, kept.exp_sums}, kept.targets, part_.begin, valid_,
                        factor);
  return std::move(kept.logits);
}
//! [08-loss]

}  // namespace shard
