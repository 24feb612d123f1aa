#include "chapters/08_vocab_parallel/vocab_parallel.h"

#include <algorithm>

#include "common/comm/trace.h"
#include "common/tensor/ops.h"

namespace shard {

Range vocabulary_part(int64_t vocabulary, int ranks, int rank) {
  const int64_t rows = (vocabulary + ranks - 1) / ranks;
  return {rank * rows, (rank + 1) * rows};
}

VocabParallelEmbedding::VocabParallelEmbedding(Communicator& group, const std::string& name,
                                               int64_t vocabulary, int64_t width, const Init& init)
    : weight(group.backend(), name + ".weight",
             Shard::of_rows({vocabulary, width},
                            vocabulary_part(vocabulary, group.size(), group.rank())),
             init.seed, init.weight),
      group_(group),
      part_(vocabulary_part(vocabulary, group.size(), group.rank())) {}

//! [08-embedding]
Tensor VocabParallelEmbedding::forward(const Tensor& ids) {  // ids: [tokens]
  TraceRange range(TraceRow::compute, "embedding forward");
  ids_ = ids;
  return group_.all_reduce(
      PartialSum(gather_rows(weight.value, ids, part_.begin)));  // one rank's row + zeros
}

void VocabParallelEmbedding::backward(const Tensor& dy) {  // dy: [tokens × width]
  TraceRange range(TraceRow::compute, "embedding backward");
  add_to_rows(weight.gradient, ids_, dy, part_.begin);
  weight.gradient_is_ready();
}
//! [08-embedding]

VocabParallelCrossEntropy::VocabParallelCrossEntropy(Communicator& group, int64_t vocabulary)
    : group_(group),
      part_(vocabulary_part(vocabulary, group.size(), group.rank())),
      valid_(std::clamp<int64_t>(vocabulary - part_.begin, 0, part_.size())) {}

//! [08-loss]
Tensor VocabParallelCrossEntropy::forward(Tensor logits,
                                          const Tensor& targets) {  // [tokens × ⌈vocabulary/t⌉]
  TraceRange range(TraceRow::compute, "cross entropy forward");
  targets_ = targets;
  Tensor max = row_max(logits, valid_);  // [tokens]
  group_.all_reduce_max(max);
  const Tensor target_logit = group_.all_reduce(PartialSum(pick(logits, targets, part_.begin)));
  exps_ = logits;  // from here on exp(logit - max)
  sums_ = group_.all_reduce(PartialSum(exp_and_row_sum(exps_, max, valid_)));
  return cross_entropy(sums_, max, target_logit);  // log Σ exp(logit - max) + max - target's logit
}

Tensor VocabParallelCrossEntropy::backward(float factor) {
  TraceRange range(TraceRow::compute, "cross entropy backward");
  cross_entropy_backward(exps_, sums_, targets_, part_.begin,
                         factor);  // factor · (softmax - one-hot), in place
  return std::move(exps_);
}
//! [08-loss]

}  // namespace shard
