// expect: minus 1 × bias: the bias is missing
#include "common/tensor/ops.h"
#include "exercises/03_row_parallel_gemm/1_bias_once.h"

namespace shard {

Tensor row_parallel_scattered(Communicator& group, const Tensor& x, const Tensor& a,
                              const Tensor&) {
  return group.reduce_scatter(PartialSum(matmul(x, a)));
}

}  // namespace shard
