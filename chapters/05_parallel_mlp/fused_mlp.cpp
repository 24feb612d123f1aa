#include "chapters/05_parallel_mlp/fused_mlp.h"

#include "common/comm/trace.h"
#include "common/tensor/ops.h"
#include "common/tensor/weight_gradients.h"

namespace shard {

//! [05-fused]
// x: [tokens × width], the same on every rank
Tensor FusedMlp::forward(const Tensor& x, Kept& kept) const {
  Tensor z = forward_without_bias(x, kept);
  add_bias(z, *down.bias.use());  // once, after the sum
  return z;
}

Tensor FusedMlp::forward_without_bias(const Tensor& x, Kept& kept) const {
  TraceRange range(TraceRow::compute, "mlp forward");
  return group_.all_reduce(partial_forward(x, kept));  // Σ gelu(U_i)·B_i
}

PartialSum FusedMlp::partial_forward(const Tensor& x, Kept& kept) const {
  kept.up.x = x;
  // U_i = X·A_i + b_i: [tokens × hidden/t], and the term gelu(U_i)·B_i: [tokens × width]
  const auto [u, term] =
      linear_gelu_matmul(x, *up.weight.use(), *up.bias.use(), *down.weight.use());
  kept.up_output = u;
  return PartialSum(term);
}

// dz: [tokens × width], the same on every rank
Tensor FusedMlp::backward(const Tensor& dz, const Kept& kept) {
  TraceRange range(TraceRow::compute, "mlp backward");
  const auto [activated, du] = backward_to_up(dz, kept);
  add_linear_gradients(down.weight, down.bias, activated, dz);
  return up.backward_without_bias(du, kept.up);  // [tokens × width], one all-reduce inside
}

PartialBackward FusedMlp::partial_backward(const Tensor& dz, const Kept& kept) {
  const auto [activated, du] = backward_to_up(dz, kept);
  add_weight_gradient(down.weight, activated, dz);
  return {PartialSum(linear_backward(du, *up.weight.use())), du};
}

GeluBackward FusedMlp::backward_to_up(const Tensor& dz, const Kept& kept) {
  // gelu(U_i) again, dU_i = (dZ·B_iᵀ) ∘ gelu'(U_i), and db_i += Σ over tokens of dU_i
  GeluBackward result =
      gelu_matmul_backward(dz, *down.weight.use(), kept.up_output, up.bias.open_gradient());
  up.bias.gradient_is_ready();
  return result;
}
//! [05-fused]

}  // namespace shard
