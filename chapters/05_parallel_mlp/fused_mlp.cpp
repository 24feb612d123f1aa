#include "chapters/05_parallel_mlp/fused_mlp.h"

#include "common/comm/trace.h"
#include "common/tensor/linear.h"
#include "common/tensor/ops.h"

namespace shard {

//! [05-fused]
// x: [tokens × width], the same on every rank
Tensor FusedMlp::forward(const Tensor& x, Kept& kept) const {
  TraceRange range(TraceRow::compute, "mlp forward");
  kept.up_output = up.forward(x, kept.up);  // U_i = X·A_i + b_i: [tokens × hidden/t]
  // Σ gelu(U_i)·B_i
  Tensor z = group_.all_reduce(PartialSum(gelu_matmul(kept.up_output, *down.weight.use())));
  add_bias(z, *down.bias.use());
  return z;
}

// dz: [tokens × width], the same on every rank
Tensor FusedMlp::backward(const Tensor& dz, const Kept& kept) {
  TraceRange range(TraceRow::compute, "mlp backward");
  // gelu(U_i) again, and dU_i = (dZ·B_iᵀ) ∘ gelu'(U_i)
  const auto [activated, du] = gelu_matmul_backward(dz, *down.weight.use(), kept.up_output);
  add_matmul(down.weight.open_gradient(), transposed(activated), dz);
  add_column_sums(down.bias.open_gradient(), dz);
  down.weight.gradient_is_ready();
  down.bias.gradient_is_ready();
  return up.backward(du, kept.up);  // [tokens × width], one all-reduce inside
}
//! [05-fused]

}  // namespace shard
