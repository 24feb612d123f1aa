// expect: your dX has the 5 tokens of this rank's rows of dY: all 13 tokens are needed
#include "common/tensor/ops.h"
#include "exercises/03_row_parallel_gemm/2_backward.h"

namespace shard {

Tensor row_parallel_scattered_backward(Communicator& group, const Tensor& x, const Tensor& a,
                                       const Tensor& dy, Tensor& da, Tensor& db) {
  const Range own = part_of(x.rows(), group.size(), group.rank());
  add_matmul(da, transposed(x.slice(own)), dy);
  add_column_sums(db, dy);
  return matmul(dy, transposed(a));
}

}  // namespace shard
