#include "chapters/03_row_parallel_gemm/row_parallel_linear.h"

#include "common/comm/trace.h"
#include "common/tensor/linear.h"
#include "common/tensor/ops.h"
#include "common/tensor/weight_gradients.h"

namespace shard {

RowParallelLinear::RowParallelLinear(Communicator& group, const std::string& name, int64_t in,
                                     int64_t out, const Init& init)
    : weight(group.backend(), name + ".weight",
             Shard::of_rows({in, out}, part_of(in, group.size(), group.rank())), init.seed,
             init.weight),
      bias(group.backend(), name + ".bias", Shard::all({out}), init.seed, init.vector),
      group_(group) {
  bias.counts = group.rank() == 0;  // all ranks hold it
}

//! [03-forward]
// x: [tokens × in/t]
PartialSum RowParallelLinear::partial_forward(const Tensor& x, Kept& kept) const {
  kept.x = x;
  return PartialSum(matmul(x, *weight.use()));  // X_i·A_i: [tokens × out], one term of Y
}

Tensor RowParallelLinear::forward(const Tensor& x, Kept& kept) const {
  TraceRange range(TraceRow::compute, "row-parallel forward", weight.name);
  Tensor y = group_.all_reduce(partial_forward(x, kept));  // Σ X_i·A_i
  add_bias(y, *bias.use());                                // once, after the sum
  return y;
}
//! [03-forward]

//! [03-backward]
// dy: [tokens × out], the same on every rank
Tensor RowParallelLinear::backward(const Tensor& dy, const Kept& kept) {
  TraceRange range(TraceRow::compute, "row-parallel backward", weight.name);
  add_weight_gradient(weight, kept.x, dy);  // dA_i += X_iᵀ·dY
  // dX_i = dY·A_iᵀ: [tokens × in/t]; db += Σ over tokens of dY, the same on every rank
  Tensor dx = linear_backward(dy, *weight.use(), bias.open_gradient());
  bias.gradient_is_ready();
  return dx;
}
//! [03-backward]

Tensor RowParallelLinear::forward_without_bias(const Tensor& x, Kept& kept) const {
  TraceRange range(TraceRow::compute, "row-parallel forward", weight.name);
  return group_.all_reduce(partial_forward(x, kept));
}

Tensor RowParallelLinear::backward_without_bias(const Tensor& dy, const Kept& kept) {
  TraceRange range(TraceRow::compute, "row-parallel backward", weight.name);
  add_weight_gradient(weight, kept.x, dy);
  return linear_backward(dy, *weight.use());
}

}  // namespace shard
