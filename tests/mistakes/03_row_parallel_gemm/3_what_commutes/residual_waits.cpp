// expect: you let add_residual wait for the sum, but if one rank does it before, the result is the same
#include "tests/mistakes/03_row_parallel_gemm/3_what_commutes/right.h"

namespace shard {

Place earliest_place(Operation operation) {
  if (operation == Operation::add_residual) return Place::after;
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
