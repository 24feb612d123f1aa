// expect: your function changed its argument bias [7], which must stay as it is
#include "common/tensor/ops.h"
#include "exercises/03_row_parallel_gemm/1_bias_once.h"

namespace shard {

Tensor row_parallel_scattered(Communicator& group, const Tensor& x, const Tensor& a,
                              const Tensor& bias) {
  Tensor y = matmul(x, a), share = bias;
  scale(share, 1.0f / static_cast<float>(group.size()));
  add_bias(y, share);
  return group.reduce_scatter(PartialSum(y));
}

}  // namespace shard
