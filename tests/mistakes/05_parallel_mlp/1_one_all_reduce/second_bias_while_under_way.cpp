// expect: you change the tensor of a collective between start and wait
#include "common/tensor/ops.h"
#include "exercises/05_parallel_mlp/1_one_all_reduce.h"

namespace shard {

Tensor mlp_forward(Communicator& group, const Tensor& x, const MlpPart& mlp, Tensor& before_gelu) {
  before_gelu = matmul(x, mlp.a);
  add_bias(before_gelu, mlp.a_bias);
  Tensor term = matmul(gelu(before_gelu), mlp.b);
  PendingSum sum = group.start_all_reduce(PartialSum(term));
  if (group.rank() == 0) add_bias(term, mlp.b_bias);
  return sum.wait();
}

Tensor mlp_backward(Communicator& group, const Tensor& x, const MlpPart& mlp,
                    const Tensor& before_gelu, const Tensor& dz, MlpPart& gradients) {
  add_matmul(gradients.b, transposed(gelu(before_gelu)), dz);
  add_column_sums(gradients.b_bias, dz);
  const Tensor d = gelu_backward(before_gelu, matmul(dz, transposed(mlp.b)));
  add_matmul(gradients.a, transposed(x), d);
  add_column_sums(gradients.a_bias, d);
  return group.all_reduce(PartialSum(matmul(d, transposed(mlp.a))));
}

}  // namespace shard
