// expect: the result is 37 % off, because Σ gelu(xᵢ) is not gelu(Σ xᵢ)
#include "tests/mistakes/03_row_parallel_gemm/3_what_commutes/right.h"

namespace shard {

Place earliest_place(Operation operation) {
  if (operation == Operation::gelu) return Place::before_on_every_rank;
  return right::earliest_place(operation);
}

PartialSum scaled_residual(const Communicator& group, const PartialSum& x, float factor,
                           const Tensor& bias, const Tensor& residual) {
  return right::scaled_residual(group, x, factor, bias, residual);
}

Tensor project(Communicator& group, const PartialSum& x, const Tensor& w) {
  return right::project(group, x, w);
}

}  // namespace shard
