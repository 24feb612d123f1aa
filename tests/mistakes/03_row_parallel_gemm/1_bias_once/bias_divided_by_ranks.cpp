// expect: minus 0.667 × bias: the bias was divided by the number of ranks
#include "common/tensor/ops.h"
#include "exercises/03_row_parallel_gemm/1_bias_once.h"

namespace shard {

Tensor row_parallel_scattered(Communicator& group, const Tensor& x, const Tensor& a,
                              const Tensor& bias) {
  Tensor y = group.reduce_scatter(PartialSum(matmul(x, a)));
  Tensor share = bias.clone();
  scale(share, 1.0f / static_cast<float>(group.size()));
  add_bias(y, share);
  return y;
}

}  // namespace shard
