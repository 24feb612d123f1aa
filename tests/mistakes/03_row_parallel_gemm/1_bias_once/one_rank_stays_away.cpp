// expect: rank 1, rank 2 have returned from your function; rank 0 waits in reduce_scatter of 91 f32
#include "common/tensor/ops.h"
#include "exercises/03_row_parallel_gemm/1_bias_once.h"

namespace shard {

Tensor row_parallel_scattered(Communicator& group, const Tensor& x, const Tensor& a,
                              const Tensor& bias) {
  Tensor y = matmul(x, a);
  if (group.rank() == 0) {
    y = group.reduce_scatter(PartialSum(y));
  } else {
    y = y.slice(part_of(y.rows(), group.size(), group.rank()));
  }
  add_bias(y, bias);
  return y;
}

}  // namespace shard
