// expect: your function changed its argument x [13 ×
#include "common/tensor/ops.h"
#include "exercises/03_row_parallel_gemm/2_backward.h"

namespace shard {

Tensor row_parallel_scattered_backward(Communicator& group, const Tensor& x, const Tensor& a,
                                       const Tensor& dy, Tensor& da, Tensor& db) {
  const Tensor all_dy = group.all_gather(dy, part_sizes(x.rows(), group.size()));
  add_matmul(da, transposed(x), all_dy);
  add_column_sums(db, all_dy);
  Tensor dx = x;  // it has the right shape
  copy(dx, matmul(all_dy, transposed(a)));
  return dx;
}

}  // namespace shard
