// expect: you change the tensor of a collective between start and wait
#include "common/tensor/ops.h"
#include "exercises/03_row_parallel_gemm/1_bias_once.h"

namespace shard {

Tensor row_parallel_scattered(Communicator& group, const Tensor& x, const Tensor& a,
                              const Tensor& bias) {
  Tensor term = matmul(x, a);
  Pending sum = group.start_reduce_scatter(PartialSum(term));
  if (group.rank() == 0) add_bias(term, bias);
  return sum.wait();
}

}  // namespace shard
