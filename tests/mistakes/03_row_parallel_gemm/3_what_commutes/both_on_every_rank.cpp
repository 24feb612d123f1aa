// expect: plus 2 × (factor·bias + residual): every rank added both to its term
#include "tests/mistakes/03_row_parallel_gemm/3_what_commutes/right.h"

namespace shard {

Place earliest_place(Operation operation) { return right::earliest_place(operation); }

PartialSum scaled_residual(const Communicator& group, const PartialSum& x, float factor,
                           const Tensor& bias, const Tensor& residual) {
  Tensor term = x.unreduced();
  add_bias(term, bias);
  scale(term, factor);
  accumulate(term, residual);
  return PartialSum(term);
}

Tensor project(Communicator& group, const PartialSum& x, const Tensor& w) {
  return right::project(group, x, w);
}

}  // namespace shard
