#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// A linear layer Y = X·A + b with A [in × out] cut by rows, part_of(in, t, rank), that takes and
/// returns whole tensors. It keeps nothing between two calls.

/// x [tokens × in], the same on every rank; a [in/t × out]: this rank's rows of A; bias [out], the
/// same on every rank. Returns Y [tokens × out], the same on every rank. One all_reduce.
Tensor whole_input_forward(Communicator& group, const Tensor& x, const Tensor& a,
                           const Tensor& bias);

/// x: that of the forward pass; dy [tokens × out], the same on every rank. Returns dX [tokens ×
/// in], the same on every rank. Adds the gradient of a to da [in/t × out] and that of the bias, the
/// same on every rank, to db [out]: both may hold gradients of other micro-batches. One all_gather.
Tensor whole_input_backward(Communicator& group, const Tensor& x, const Tensor& a, const Tensor& dy,
                            Tensor& da, Tensor& db);

}  // namespace shard
