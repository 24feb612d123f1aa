#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// This rank's part of the parameters of Z = GeLU(X·A + b)·B + c, or of their gradients. n is the
/// number of its columns of the hidden layer: part_of(hidden, t, rank).size().
struct MlpPart {
  Tensor a, a_bias;  // [width × n], [n]: its columns of A and of b
  Tensor b, b_bias;  // [n × width], [width]: its rows of B, and all of c
};

/// x [tokens × width], the same on every rank → Z, the same on every rank. Sets before_gelu to
/// X·A_i + b_i [tokens × n].
Tensor mlp_forward(Communicator& group, const Tensor& x, const MlpPart& mlp, Tensor& before_gelu);

/// x and before_gelu: those of the forward pass. dz [tokens × width], the same on every rank → dX,
/// the same on every rank. Adds the gradients of this rank's parameters to `gradients`, which may
/// already hold those of other passes.
Tensor mlp_backward(Communicator& group, const Tensor& x, const MlpPart& mlp,
                    const Tensor& before_gelu, const Tensor& dz, MlpPart& gradients);

}  // namespace shard
