// expect: you let gelu_backward wait for the sum, but Σ gelu_backward(xᵢ) equals gelu_backward(Σ xᵢ) up to rounding
#include "tests/mistakes/03_row_parallel_gemm/3_what_commutes/right.h"

namespace shard {

Place earliest_place(Operation operation) {
  if (operation == Operation::gelu_backward) return Place::after;  // taken for as curved as gelu
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
