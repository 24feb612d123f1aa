// expect: your dX is the right dX minus 0.667 × dX: it is the mean over the ranks
#include "common/tensor/ops.h"
#include "exercises/04_column_parallel_gemm/1_backward_all_reduce.h"

namespace shard {

Tensor shared_input_backward(Communicator& group, const Tensor& x, const Tensor& dq,
                             const Tensor& dk, ColumnParallelLinear& query,
                             ColumnParallelLinear& key) {
  add_matmul(query.weight.gradient, transposed(x), dq);
  add_matmul(key.weight.gradient, transposed(x), dk);
  add_column_sums(query.bias.gradient, dq);
  add_column_sums(key.bias.gradient, dk);
  Tensor term = matmul(dq, transposed(query.weight.value));
  add_matmul(term, dk, transposed(key.weight.value));
  scale(term, 1.0f / static_cast<float>(group.size()));
  return group.all_reduce(PartialSum(term));
}

}  // namespace shard
