#include "exercises/03_row_parallel_gemm/3_what_commutes.h"

#include "common/tensor/ops.h"

namespace shard {

Place earliest_place(Operation operation) {
  switch (operation) {
    case Operation::scale:
    case Operation::matmul:
    case Operation::columns:
    case Operation::gelu_backward:
    case Operation::dropout: return Place::before_on_every_rank;  // linear in x
    case Operation::add_bias:
    case Operation::add_residual: return Place::before_on_one_rank;  // x plus a constant
    default: return Place::after;
  }
}

PartialSum scaled_residual(const Communicator& group, const PartialSum& x, float factor,
                           const Tensor& bias, const Tensor& residual) {
  Tensor term = x.unreduced().clone();                // [tokens × width]
  if (group.rank() == 0) add_bias(term, bias);        // once in the sum, and scaled with it
  scale(term, factor);                                // factor·Σ xᵢ = Σ factor·xᵢ
  if (group.rank() == 0) accumulate(term, residual);  // once, not scaled
  return PartialSum(term);
}

Tensor project(Communicator& group, const PartialSum& x, const Tensor& w) {
  if (w.columns() < w.rows())
    return group.all_reduce(PartialSum(matmul(x.unreduced(), w)));  // sums [tokens × out]
  return matmul(group.all_reduce(x), w);                            // sums [tokens × in]
}

}  // namespace shard
