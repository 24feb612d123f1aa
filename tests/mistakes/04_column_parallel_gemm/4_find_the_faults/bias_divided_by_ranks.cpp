// expect: minus 0.667 × bias: it was divided by the number of ranks
#include "chapters/04_column_parallel_gemm/column_parallel_linear.h"
#include "common/tensor/ops.h"
#include "exercises/04_column_parallel_gemm/4_find_the_faults.h"

namespace shard {
static Tensor own_columns(const Communicator& group, const Tensor& x) {
  return columns_of(x, part_of(x.columns(), group.size(), group.rank()));
}

Tensor whole_input_forward(Communicator& group, const Tensor& x, const Tensor& a,
                           const Tensor& bias) {
  Tensor y = group.all_reduce(PartialSum(matmul(own_columns(group, x), a)));
  Tensor share = bias.clone();
  scale(share, 1.0f / static_cast<float>(group.size()));
  add_bias(y, share);
  return y;
}

Tensor whole_input_backward(Communicator& group, const Tensor& x, const Tensor& a, const Tensor& dy,
                            Tensor& da, Tensor& db) {
  const Tensor own_dx = matmul(dy, transposed(a));
  add_matmul(da, transposed(own_columns(group, x)), dy);
  add_column_sums(db, dy);
  return gather_columns(group, own_dx, x.columns());
}

}  // namespace shard
