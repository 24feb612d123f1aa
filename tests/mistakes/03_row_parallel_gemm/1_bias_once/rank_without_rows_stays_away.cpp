// expect: exercise 03.1, in = 2, t = 3: rank 2 has returned from your function; rank 0 waits in reduce_scatter of 91 f32
#include "common/tensor/ops.h"
#include "exercises/03_row_parallel_gemm/1_bias_once.h"

namespace shard {

Tensor row_parallel_scattered(Communicator& group, const Tensor& x, const Tensor& a,
                              const Tensor& bias) {
  if (a.rows() == 0) return {};
  Tensor y = group.reduce_scatter(PartialSum(matmul(x, a)));  // [tokens/t × out]: complete rows
  add_bias(y, bias);  // once, since every row is on one rank
  return y;
}

}  // namespace shard
