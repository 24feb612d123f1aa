// expect: minus 2 × bias: the bias was subtracted
#include "common/tensor/ops.h"
#include "exercises/03_row_parallel_gemm/1_bias_once.h"

namespace shard {

Tensor row_parallel_scattered(Communicator& group, const Tensor& x, const Tensor& a,
                              const Tensor& bias) {
  Tensor y = group.reduce_scatter(PartialSum(matmul(x, a)));
  Tensor negative = bias.clone();
  scale(negative, -1);
  add_bias(y, negative);
  return y;
}

}  // namespace shard
