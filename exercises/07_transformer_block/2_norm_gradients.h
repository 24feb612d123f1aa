#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/ops.h"

namespace shard {

/// The backward pass of layer norm on tokens that are divided among the ranks.
/// dy, x [tokens/t × width]: this rank's rows; forward: the result of layer_norm(x, gain, bias) on
/// this rank; gain [width]: the same on every rank. Adds the gradients of gain and bias over all
/// tokens of all ranks to dgain and dbias [width], which hold those of earlier passes and are the
/// same on every rank, before and after. Returns dX [tokens/t × width].
Tensor sequence_parallel_norm_backward(Communicator& group, const Tensor& dy, const Tensor& x,
                                       const LayerNorm& forward, const Tensor& gain, Tensor& dgain,
                                       Tensor& dbias);

}  // namespace shard
