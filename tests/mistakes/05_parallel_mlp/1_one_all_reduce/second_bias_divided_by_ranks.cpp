// expect: minus 0.667 × c: the second bias was divided by the number of ranks
#include "common/tensor/ops.h"
#include "exercises/05_parallel_mlp/1_one_all_reduce.h"

namespace shard {

Tensor mlp_forward(Communicator& group, const Tensor& x, const MlpPart& mlp, Tensor& before_gelu) {
  before_gelu = matmul(x, mlp.a);
  add_bias(before_gelu, mlp.a_bias);
  Tensor z = group.all_reduce(PartialSum(matmul(gelu(before_gelu), mlp.b)));
  Tensor share = mlp.b_bias.clone();
  scale(share, 1.0f / static_cast<float>(group.size()));
  add_bias(z, share);
  return z;
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
