#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// This rank's part of an MLP: columns of A and of its bias, and rows of B; or their gradients.
struct MlpPart {
  Tensor a;       // [width × hidden/t]
  Tensor a_bias;  // [hidden/t]
  Tensor b;       // [hidden/t × width]
};

/// The backward pass of
///     X = all_gather(x);  U = X·A + a_bias;  z = reduce_scatter(gelu(U)·B)
/// whose forward pass has kept x alone. x [own tokens × width]: this rank's rows of X, those of
/// part_of(tokens, t, rank); dz, of the same shape: the gradient of its rows of Z. Adds to
/// `gradients`, which hold those of earlier passes, and returns the gradient of x, of x's shape.
Tensor recomputed_mlp_backward(Communicator& group, const Tensor& x, const MlpPart& weights,
                               const Tensor& dz, int64_t tokens, MlpPart& gradients);

}  // namespace shard
