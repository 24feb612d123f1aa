// expect: you change the tensor of a collective between start and wait
#include "common/tensor/ops.h"
#include "exercises/04_column_parallel_gemm/1_backward_all_reduce.h"

namespace shard {

Tensor shared_input_backward(Communicator& group, const Tensor& x, const Tensor& dq,
                             const Tensor& dk, ColumnParallelLinear& query,
                             ColumnParallelLinear& key) {
  Tensor term = matmul(dq, transposed(query.weight.value));
  PendingSum dx = group.start_all_reduce(PartialSum(term));
  add_matmul(term, dk, transposed(key.weight.value));
  add_matmul(query.weight.gradient, transposed(x), dq);
  add_matmul(key.weight.gradient, transposed(x), dk);
  add_column_sums(query.bias.gradient, dq);
  add_column_sums(key.bias.gradient, dk);
  return dx.wait();
}

}  // namespace shard
