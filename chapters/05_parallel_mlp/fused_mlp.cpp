#include "chapters/05_parallel_mlp/fused_mlp.h"

#include "common/comm/trace.h"
#include "common/tensor/linear.h"
#include "common/tensor/ops.h"

namespace shard {

//! [05-fused]
// x: [tokens × width], the same on every rank
Tensor FusedMlp::forward_without_bias(const Tensor& x, Kept& kept) const {
  TraceRange range(TraceRow::compute, "mlp forward");
  kept.up.x = x;
  // U_i = X·A_i + b_i: [tokens × hidden/t], and the term gelu(U_i)·B_i: [tokens × width]
  const auto [u, term] =
      linear_gelu_matmul(x, *up.weight.use(), *up.bias.use(), *down.weight.use());
  kept.up_output = u;
  return group_.all_reduce(PartialSum(term));  // Σ gelu(U_i)·B_i
}

Tensor FusedMlp::forward(const Tensor& x, Kept& kept) const {
  Tensor z = forward_without_bias(x, kept);
  add_bias(z, *down.bias.use());  // once, after the sum
  return z;
}

// dz: [tokens × width], the same on every rank
Tensor FusedMlp::backward(const Tensor& dz, const Kept& kept) {
  TraceRange range(TraceRow::compute, "mlp backward");
  // gelu(U_i) again, dU_i = (dZ·B_iᵀ) ∘ gelu'(U_i), and db_i += Σ over tokens of dU_i
  const auto [activated, du] =
      gelu_matmul_backward(dz, *down.weight.use(), kept.up_output, up.bias.open_gradient());
  add_linear_gradients(down.weight.open_gradient(), down.bias.open_gradient(), activated, dz);
  for (Parameter* ready : {&up.bias, &down.weight, &down.bias}) ready->gradient_is_ready();
  return up.backward_without_bias(du, kept.up);  // [tokens × width], one all-reduce inside
}
//! [05-fused]

}  // namespace shard
