// expect: your dX is the right dX minus 2 × dK·A_kᵀ: K's term was subtracted
#include "common/tensor/ops.h"
#include "exercises/04_column_parallel_gemm/1_backward_all_reduce.h"

namespace shard {

Tensor shared_input_backward(Communicator& group, const Tensor& x, const Tensor& dq,
                             const Tensor& dk, ColumnParallelLinear& query,
                             ColumnParallelLinear& key) {
  Tensor term = matmul(dq, transposed(query.weight.value));
  accumulate(term, matmul(dk, transposed(key.weight.value)), -1);
  PendingSum dx = group.start_all_reduce(PartialSum(term));
  add_matmul(query.weight.gradient, transposed(x), dq);
  add_matmul(key.weight.gradient, transposed(x), dk);
  add_column_sums(query.bias.gradient, dq);
  add_column_sums(key.bias.gradient, dk);
  return dx.wait();
}

}  // namespace shard
