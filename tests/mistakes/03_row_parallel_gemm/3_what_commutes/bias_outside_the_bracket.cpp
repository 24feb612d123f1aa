// expect: plus 0.594 × bias: it was not scaled, but is inside the brackets
#include "tests/mistakes/03_row_parallel_gemm/3_what_commutes/right.h"

namespace shard {

Place earliest_place(Operation operation) { return right::earliest_place(operation); }

PartialSum scaled_residual(const Communicator& group, const PartialSum& x, float factor,
                           const Tensor& bias, const Tensor& residual) {
  Tensor term = x.unreduced();
  scale(term, factor);
  if (group.rank() == 0) {
    add_bias(term, bias);
    accumulate(term, residual);
  }
  return PartialSum(term);
}

Tensor project(Communicator& group, const PartialSum& x, const Tensor& w) {
  return right::project(group, x, w);
}

}  // namespace shard
