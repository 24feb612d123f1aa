// expect: 1 all_reduce on world where none is allowed
#include "common/tensor/ops.h"
#include "exercises/03_row_parallel_gemm/1_bias_once.h"

namespace shard {

Tensor row_parallel_scattered(Communicator& group, const Tensor& x, const Tensor& a,
                              const Tensor& bias) {
  Tensor y = group.all_reduce(PartialSum(matmul(x, a)));
  add_bias(y, bias);
  return y.slice(part_of(y.rows(), group.size(), group.rank()));
}

}  // namespace shard
