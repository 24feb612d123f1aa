// expect: plus 2 × bias: the bias was added on every rank, before the sum
#include "common/tensor/ops.h"
#include "exercises/03_row_parallel_gemm/1_bias_once.h"

namespace shard {

Tensor row_parallel_scattered(Communicator& group, const Tensor& x, const Tensor& a,
                              const Tensor& bias) {
  Tensor term = matmul(x, a);
  add_bias(term, bias);
  return group.reduce_scatter(PartialSum(term));
}

}  // namespace shard
