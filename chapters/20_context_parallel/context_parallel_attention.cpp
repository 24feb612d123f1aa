#include "chapters/20_context_parallel/context_parallel_attention.h"

#include "common/comm/trace.h"

namespace shard {

ContextParallelAttention::ContextParallelAttention(Communicator& tp, const std::string& name,
                                                   int64_t width, int64_t heads, const Init& init,
                                                   float projection_deviation,
                                                   std::shared_ptr<const ContextAttention> inside)
    : ParallelAttention(tp, name, width, heads, init, projection_deviation),
      inside_(std::move(inside)) {
  inside_->require_heads(local_heads_);
}

//! [20-attention]
Tensor ContextParallelAttention::attend(const Tensor& x, const RowMap& rows, Kept& kept,
                                        int64_t batch, const AttentionDropout& dropout) const {
  TraceRange range(TraceRow::compute, "attention forward");
  const SequenceCut& cut = inside_->cut();
  const int rank = inside_->group().rank();
  require(rows.is_known() && x.rows() == batch * cut.tokens(rows.context(), rank),
          "attention: ", x.rows(), " rows are not those of context-parallel rank ", rank, " in ",
          batch, " sequences of ", rows.context());
  kept.sequences = {.batch = batch,
                    .context = rows.context(),
                    .heads = local_heads_,
                    .dropout = {.probability = dropout.probability,
                                .random = dropout.random,
                                .first_sequence = dropout.first_sequence,
                                .first_head = group_.rank() * local_heads_,
                                .heads = local_heads_,
                                .all_heads = heads_,
                                .context = rows.context()}};
  return inside_->forward(qkv.forward(x, kept.qkv), kept.sequences, kept.inside);
}

Tensor ContextParallelAttention::forward(const Tensor& x, const RowMap& rows, Kept& kept,
                                         int64_t batch, const AttentionDropout& dropout) const {
  return projection.forward(attend(x, rows, kept, batch, dropout), kept.projection);
}

Tensor ContextParallelAttention::backward(const Tensor& dz, const Kept& kept) {
  const Tensor dattended = projection.backward(dz, kept.projection);  // [tokens × width/t]
  return qkv.backward(inside_->backward(dattended, kept.sequences, kept.inside), kept.qkv);
}
//! [20-attention]

PartialSum ContextParallelAttention::partial_forward(const Tensor& x, const RowMap& rows,
                                                     Kept& kept, int64_t batch,
                                                     const AttentionDropout& dropout) const {
  return projection.partial_forward(attend(x, rows, kept, batch, dropout), kept.projection);
}

PartialBackward ContextParallelAttention::partial_backward(const Tensor& dz, const Kept& kept) {
  const Tensor dattended = projection.backward_without_bias(dz, kept.projection);
  const Tensor dqkv = inside_->backward(dattended, kept.sequences, kept.inside);
  return {qkv.partial_backward(dqkv), dqkv};
}

}  // namespace shard
