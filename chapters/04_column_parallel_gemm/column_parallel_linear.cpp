#include "chapters/04_column_parallel_gemm/column_parallel_linear.h"

#include "common/comm/trace.h"
#include "common/tensor/linear.h"
#include "common/tensor/ops.h"
#include "common/tensor/weight_gradients.h"

namespace shard {

ColumnParallelLinear::ColumnParallelLinear(Communicator& group, const std::string& name, int64_t in,
                                           int64_t out, const Init& init)
    : ColumnParallelLinear(group, name, in, out, {part_of(out, group.size(), group.rank())}, init) {
}

ColumnParallelLinear::ColumnParallelLinear(Communicator& group, const std::string& name, int64_t in,
                                           int64_t out, const std::vector<Range>& columns,
                                           const Init& init)
    : weight(group.backend(), name + ".weight", Shard::of_columns({in, out}, columns), init.seed,
             init.weight),
      bias(group.backend(), name + ".bias", Shard::of_columns({out}, columns), init.seed,
           init.vector),
      group_(group) {}

//! [04-forward]
// x: [tokens × in], the same on every rank
Tensor ColumnParallelLinear::forward(const Tensor& x, Kept& kept) const {
  TraceRange range(TraceRow::compute, "column-parallel forward", weight.name);
  kept.x = x;
  // X·A_i + b_i: [tokens × out/t], complete columns of Y
  return linear(x, *weight.use(), *bias.use());
}
//! [04-forward]

//! [04-backward]
// dy: [tokens × out/t]
Tensor ColumnParallelLinear::backward(const Tensor& dy, const Kept& kept) {
  TraceRange range(TraceRow::compute, "column-parallel backward", weight.name);
  PendingSum dx = group_.start_all_reduce(partial_backward(dy));  // while dA_i is computed
  add_weight_gradient(kept.x, dy);
  return dx.wait();
}

PartialSum ColumnParallelLinear::partial_backward(const Tensor& dy) {
  // dY_i·A_iᵀ: [tokens × in], one term of dX; db_i += Σ over tokens of dY_i
  PartialSum term(linear_backward(dy, *weight.use(), bias.open_gradient()));
  bias.gradient_is_ready();
  return term;
}

void ColumnParallelLinear::add_weight_gradient(const Tensor& x, const Tensor& dy) {
  shard::add_weight_gradient(weight, x, dy);  // dA_i += Xᵀ·dY_i
}
//! [04-backward]

Tensor ColumnParallelLinear::backward_without_bias(const Tensor& dy, const Kept& kept) {
  TraceRange range(TraceRow::compute, "column-parallel backward", weight.name);
  PendingSum dx = group_.start_all_reduce(PartialSum(linear_backward(dy, *weight.use())));
  add_weight_gradient(kept.x, dy);
  return dx.wait();
}

Tensor gather_columns(Communicator& group, const Tensor& part, int64_t out) {
  const int64_t tokens = part.rows();
  std::vector<int64_t> widths = part_sizes(out, group.size()), counts = widths;
  for (int64_t& count : counts) count *= tokens;
  const Tensor pieces =
      group.all_gather(part.reshape({part.elements()}), counts);  // rank after rank
  Tensor y(part.backend(), {tokens, out});
  int64_t first = 0;
  for (int64_t width : widths) {
    const Tensor piece =
        pieces.slice({first * tokens, (first + width) * tokens}).reshape({tokens, width});
    set_columns(y, first, piece);
    first += width;
  }
  return y;
}

}  // namespace shard
