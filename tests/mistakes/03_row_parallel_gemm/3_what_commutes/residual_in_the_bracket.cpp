// expect: minus 0.594 × residual: it was scaled, but is outside the brackets
#include "tests/mistakes/03_row_parallel_gemm/3_what_commutes/right.h"

namespace shard {

Place earliest_place(Operation operation) { return right::earliest_place(operation); }

PartialSum scaled_residual(const Communicator& group, const PartialSum& x, float factor,
                           const Tensor& bias, const Tensor& residual) {
  Tensor term = x.unreduced();
  if (group.rank() == 0) {
    add_bias(term, bias);
    accumulate(term, residual);
  }
  scale(term, factor);
  return PartialSum(term);
}

Tensor project(Communicator& group, const PartialSum& x, const Tensor& w) {
  return right::project(group, x, w);
}

}  // namespace shard
