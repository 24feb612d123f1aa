// expect: your dX is this rank's own term: the terms of the other ranks were never added
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
  return term;
}

}  // namespace shard
