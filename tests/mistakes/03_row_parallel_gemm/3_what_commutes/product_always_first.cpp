// expect: 1 all_reduce of 220 bytes instead of 160
#include "tests/mistakes/03_row_parallel_gemm/3_what_commutes/right.h"

namespace shard {

Place earliest_place(Operation operation) { return right::earliest_place(operation); }

PartialSum scaled_residual(const Communicator& group, const PartialSum& x, float factor,
                           const Tensor& bias, const Tensor& residual) {
  return right::scaled_residual(group, x, factor, bias, residual);
}

Tensor project(Communicator& group, const PartialSum& x, const Tensor& w) {
  return group.all_reduce(PartialSum(matmul(x.unreduced(), w)));
}

}  // namespace shard
