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
Tensor FusedAttention::attend(const Tensor& x, int64_t batch, const AttentionDropout& dropout,
                              Kept& kept) const {
  TraceRange range(TraceRow::compute, "attention forward");
  kept.batch = batch;
  kept.dropout = dropout;
  kept.qkv_output = qkv.forward(x, kept.qkv);  // [tokens × 3·width/t]: Q_i K_i V_i
  const auto [q, k, v] = qkv_heads(kept.qkv_output, kept);
  kept.attended = attention(q, k, v, settings(kept));  // [tokens × width/t]
  return kept.attended.output;
}

Tensor FusedAttention::attend_backward(const Tensor& dattended, const Kept& kept) const {
  TraceRange range(TraceRow::compute, "attention backward");
  Tensor dqkv(dattended.backend(), kept.qkv_output.shape(), dattended.type());
  const auto [q, k, v] = qkv_heads(kept.qkv_output, kept);
  const auto [dq, dk, dv] = qkv_heads(dqkv, kept);
  attention_backward(dq, dk, dv, heads(dattended, 0, kept), q, k, v, kept.attended, settings(kept));
  return dqkv;  // [tokens × 3·width/t]
}

Tensor FusedAttention::forward(const Tensor& x, int64_t batch, const AttentionDropout& dropout,
                               Kept& kept) const {
  return projection.forward(attend(x, batch, dropout, kept), kept.projection);  // one all-reduce
}

Tensor FusedAttention::backward(const Tensor& dz, const Kept& kept) {
  const Tensor dattended = projection.backward(dz, kept.projection);  // [tokens × width/t]
  return qkv.backward(attend_backward(dattended, kept), kept.qkv);    // one all-reduce
}
//! [06-fused]

Tensor FusedAttention::forward_without_bias(const Tensor& x, int64_t batch,
                                            const AttentionDropout& dropout, Kept& kept) const {
  return projection.forward_without_bias(attend(x, batch, dropout, kept), kept.projection);
}

Tensor FusedAttention::backward_without_bias(const Tensor& dz, const Kept& kept) {
  const Tensor dattended = projection.backward_without_bias(dz, kept.projection);
  return qkv.backward(attend_backward(dattended, kept), kept.qkv);
}

PartialSum FusedAttention::partial_forward(const Tensor& x, int64_t batch,
                                           const AttentionDropout& dropout, Kept& kept) const {
  return projection.partial_forward(attend(x, batch, dropout, kept), kept.projection);
}

PartialBackward FusedAttention::partial_backward(const Tensor& dz, const Kept& kept) {
  const Tensor dattended = projection.backward_without_bias(dz, kept.projection);
  const Tensor dqkv = attend_backward(dattended, kept);
  return {qkv.partial_backward(dqkv), dqkv};
}

}  // namespace shard
