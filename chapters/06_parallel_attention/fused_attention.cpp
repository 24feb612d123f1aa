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
                      .context = kept.qkv_output.rows() / kept.batch}};
}

Heads FusedAttention::heads(const Tensor& x, int number, const Kept& kept) const {
  return heads_in_columns(x, number * local_heads_ * head_width_, kept.batch, local_heads_,
                          head_width_);
}

//! [06-fused]
Tensor FusedAttention::forward(const Tensor& x, int64_t batch, const AttentionDropout& dropout,
                               Kept& kept) const {
  TraceRange range(TraceRow::compute, "attention forward");
  kept.batch = batch;
  kept.dropout = dropout;
  kept.qkv_output = qkv.forward(x, kept.qkv);  // [tokens × 3·width/t]: Q_i K_i V_i
  const auto [q, k, v] = qkv_heads(kept.qkv_output, kept);
  kept.attended = attention(q, k, v, settings(kept));                // [tokens × width/t]
  return projection.forward(kept.attended.output, kept.projection);  // one all-reduce, bias once
}

Tensor FusedAttention::backward(const Tensor& dz, const Kept& kept) {
  TraceRange range(TraceRow::compute, "attention backward");
  const Tensor dattended = projection.backward(dz, kept.projection);  // [tokens × width/t]
  Tensor dqkv(dz.backend(), kept.qkv_output.shape(), dz.type());      // [tokens × 3·width/t]
  const auto [q, k, v] = qkv_heads(kept.qkv_output, kept);
  const auto [dq, dk, dv] = qkv_heads(dqkv, kept);
  attention_backward(dq, dk, dv, heads(dattended, 0, kept), q, k, v, kept.attended, settings(kept));
  return qkv.backward(dqkv, kept.qkv);  // one all-reduce
}
//! [06-fused]

}  // namespace shard
