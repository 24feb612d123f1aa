#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// The backward pass of Y = X·A + bias where each rank holds some rows of Y (exercise 03.1).
/// x [tokens × in/t]: this rank's columns of X; a [in/t × out]: its rows of A.
/// dy [own tokens × out]: its rows of dY, rows part_of(tokens, t, rank) of [tokens × out].
/// Returns this rank's columns of dX for all tokens: [tokens × in/t]. Adds the gradient of a to da
/// [in/t × out], and the gradient of the bias over all tokens, the same on every rank, to db [out].
Tensor row_parallel_scattered_backward(Communicator& group, const Tensor& x, const Tensor& a,
                                       const Tensor& dy, Tensor& da, Tensor& db);

}  // namespace shard
