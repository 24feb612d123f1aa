// expect: your dX is what comes through Q only: the term of K is missing
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
  return group.all_reduce(PartialSum(matmul(dq, transposed(query.weight.value))));
}

}  // namespace shard
