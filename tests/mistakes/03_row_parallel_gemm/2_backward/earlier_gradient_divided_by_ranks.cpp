// expect: your dA is the right dA minus 0.667 × what it held before: it was divided by the number of ranks
#include "common/tensor/ops.h"
#include "exercises/03_row_parallel_gemm/2_backward.h"

namespace shard {

Tensor row_parallel_scattered_backward(Communicator& group, const Tensor& x, const Tensor& a,
                                       const Tensor& dy, Tensor& da, Tensor& db) {
  const Tensor all_dy = group.all_gather(dy, part_sizes(x.rows(), group.size()));
  scale(da, 1.0f / static_cast<float>(group.size()));
  add_matmul(da, transposed(x), all_dy);
  add_column_sums(db, all_dy);
  return matmul(all_dy, transposed(a));
}

}  // namespace shard
