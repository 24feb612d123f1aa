// expect: plus 1 × bias: the bias is in it more than once
#include "common/tensor/ops.h"
#include "exercises/03_row_parallel_gemm/1_bias_once.h"

namespace shard {

Tensor row_parallel_scattered(Communicator& group, const Tensor& x, const Tensor& a,
                              const Tensor& bias) {
  Tensor y = group.reduce_scatter(PartialSum(matmul(x, a)));
  add_bias(y, bias);
  add_bias(y, bias);
  return y;
}

}  // namespace shard
