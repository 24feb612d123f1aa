#include "chapters/06_parallel_attention/fused_attention.h"

#include <cmath>

#include "common/comm/trace.h"
#include "common/tensor/ops.h"

namespace shard {

AttentionSettings FusedAttention::settings(const Kept& kept) const {
  return {.scale = 1.0f / std::sqrt(static_cast<float>(head_width_)),
          .dropout = {.probability = kept.dropout.probability,
                      .random = kept.dropout.random,
                      .first_sequence = kept.dropout.first_sequence,
                      .first_head = group_.rank() * local_heads_,
                      .heads = local_heads_,
                      .all_heads = heads_,
                      .context = kept.q.shape()[1]}};
}

//! [06-fused]
Tensor FusedAttention::forward(const Tensor& x, int64_t batch, const AttentionDropout& dropout,
                               Kept& kept) const {
  TraceRange range(TraceRow::compute, "attention forward");
  kept.batch = batch;
  kept.dropout = dropout;
  const Tensor all = qkv.forward(x, kept.qkv);  // [tokens × 3·width/t]: Q_i K_i V_i
  const int64_t part = local_heads_ * head_width_;
  kept.q = split_heads(all, 0, batch, local_heads_, head_width_);
  kept.k = split_heads(all, part, batch, local_heads_, head_width_);
  kept.v = split_heads(all, 2 * part, batch, local_heads_, head_width_);
  kept.attended = attention(kept.q, kept.k, kept.v, settings(kept));
  Tensor heads(x.backend(), {x.rows(), part}, x.type());  // [tokens × width/t]
  merge_heads(heads, 0, kept.attended.output);
  return projection.forward(heads, kept.projection);  // one all-reduce, bias once
}

Tensor FusedAttention::backward(const Tensor& dz, const Kept& kept) {
  TraceRange range(TraceRow::compute, "attention backward");
  const int64_t part = local_heads_ * head_width_;
  const Tensor dheads = split_heads(projection.backward(dz, kept.projection), 0, kept.batch,
                                    local_heads_, head_width_);
  const auto [dq, dk, dv] =
      attention_backward(dheads, kept.q, kept.k, kept.v, kept.attended, settings(kept));
  Tensor dqkv(dz.backend(), {dz.rows(), 3 * part}, dz.type());  // [tokens × 3·width/t]
  merge_heads(dqkv, 0, dq);
  merge_heads(dqkv, part, dk);
  merge_heads(dqkv, 2 * part, dv);
  return qkv.backward(dqkv, kept.qkv);  // one all-reduce
}
//! [06-fused]

}  // namespace shard
