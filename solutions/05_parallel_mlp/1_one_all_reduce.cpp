#include "exercises/05_parallel_mlp/1_one_all_reduce.h"

#include "common/tensor/ops.h"

namespace shard {

Tensor mlp_forward(Communicator& group, const Tensor& x, const MlpPart& mlp, Tensor& before_gelu) {
  before_gelu = matmul(x, mlp.a);  // [tokens × n]: complete columns …
  add_bias(before_gelu, mlp.a_bias);
  // … and GeLU(…)·B_i is a term
  Tensor z = group.all_reduce(PartialSum(matmul(gelu(before_gelu), mlp.b)));
  add_bias(z, mlp.b_bias);  // once, after the sum
  return z;
}

Tensor mlp_backward(Communicator& group, const Tensor& x, const MlpPart& mlp,
                    const Tensor& before_gelu, const Tensor& dz, MlpPart& gradients) {
  add_matmul(gradients.b, transposed(gelu(before_gelu)), dz);  // dB_i += H_iᵀ·dZ: [n × width]
  add_column_sums(gradients.b_bias, dz);                       // dZ is whole, so dc is
  // d(X·A_i + b_i): [tokens × n]
  const Tensor d = gelu_backward(before_gelu, matmul(dz, transposed(mlp.b)));
  add_matmul(gradients.a, transposed(x), d);  // dA_i += Xᵀ·d: [width × n]
  add_column_sums(gradients.a_bias, d);
  // dX = Σ d·A_iᵀ: [tokens × width]
  return group.all_reduce(PartialSum(matmul(d, transposed(mlp.a))));
}

}  // namespace shard
