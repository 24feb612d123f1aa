// expect: exercise 04.1, 2 and 1 columns, t = 3: rank 2 has returned from your function; rank 0 waits in all_reduce of 99 f32
#include "common/tensor/ops.h"
#include "exercises/04_column_parallel_gemm/1_backward_all_reduce.h"

namespace shard {

Tensor shared_input_backward(Communicator& group, const Tensor& x, const Tensor& dq,
                             const Tensor& dk, ColumnParallelLinear& query,
                             ColumnParallelLinear& key) {
  if (dq.columns() == 0 && dk.columns() == 0) return Tensor::zeros(x.backend(), x.shape());
  // [tokens × in]: the gradient through this rank's columns of both layers
  Tensor term = matmul(dq, transposed(query.weight.value));
  add_matmul(term, dk, transposed(key.weight.value));
  PendingSum dx = group.start_all_reduce(PartialSum(term));
  add_matmul(query.weight.gradient, transposed(x), dq);  // [in × query_out/t]
  add_matmul(key.weight.gradient, transposed(x), dk);    // [in × key_out/t]
  add_column_sums(query.bias.gradient, dq);
  add_column_sums(key.bias.gradient, dk);
  return dx.wait();
}

}  // namespace shard
