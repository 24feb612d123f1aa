// expect: your dX is this rank's own term: the terms of the other ranks were never added
#include "common/tensor/ops.h"
#include "exercises/05_parallel_mlp/2_gated_mlp.h"

namespace shard {

std::vector<Range> gate_up_columns(int64_t hidden, int ranks, int rank) {
  require(hidden % ranks == 0, hidden, " columns for ", ranks, " ranks");
  const Range part = part_of(hidden, ranks, rank);
  return {part, {hidden + part.begin, hidden + part.end}};  // the same columns of G and of U
}

Tensor gated_mlp_forward(Communicator& group, const Tensor& x, const GatedMlpPart& mlp,
                         Tensor& gate, Tensor& up) {
  const Tensor both = matmul(x, mlp.gate_up);  // X·[G_i U_i]: [tokens × 2n]
  const int64_t n = mlp.down.rows();
  gate = columns_of(both, {0, n});
  up = columns_of(both, {n, 2 * n});
  return group.all_reduce(PartialSum(matmul(multiply(gelu(gate), up), mlp.down)));
}

Tensor gated_mlp_backward(Communicator& group, const Tensor& x, const GatedMlpPart& mlp,
                          const Tensor& gate, const Tensor& up, const Tensor& dz,
                          GatedMlpPart& gradients) {
  const Tensor activated = gelu(gate);
  add_matmul(gradients.down, transposed(multiply(activated, up)),
             dz);                                            // dD_i += H_iᵀ·dZ: [n × width]
  const Tensor dh = matmul(dz, transposed(mlp.down));        // [tokens × n]
  Tensor d(x.backend(), {x.rows(), mlp.gate_up.columns()});  // d(X·[G_i U_i]): [tokens × 2n]
  set_columns(d, 0, gelu_backward(gate, multiply(dh, up)));
  set_columns(d, gate.columns(), multiply(dh, activated));
  add_matmul(gradients.gate_up, transposed(x), d);
  const Tensor dx = matmul(d, transposed(mlp.gate_up));
  group.all_reduce(PartialSum(dx.clone()));
  return dx;
}

}  // namespace shard
