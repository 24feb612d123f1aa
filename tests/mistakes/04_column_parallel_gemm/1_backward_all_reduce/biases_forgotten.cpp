// expect: your db of K is the right db of K minus 1 × Σ dK: it is missing
#include "common/tensor/ops.h"
#include "exercises/04_column_parallel_gemm/1_backward_all_reduce.h"

namespace shard {

Tensor shared_input_backward(Communicator& group, const Tensor& x, const Tensor& dq,
                             const Tensor& dk, ColumnParallelLinear& query,
                             ColumnParallelLinear& key) {
  add_matmul(query.weight.gradient, transposed(x), dq);
  add_matmul(key.weight.gradient, transposed(x), dk);
  Tensor term = matmul(dq, transposed(query.weight.value));
  add_matmul(term, dk, transposed(key.weight.value));
  return group.all_reduce(PartialSum(term));
}

}  // namespace shard
