#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// x [tokens × in/t]: this rank's columns of X; a [in/t × out]: its rows of A; bias [out]: the same
/// on every rank. Returns this rank's rows of Y = X·A + bias: rows part_of(tokens, t, rank) of
/// [tokens × out].
Tensor row_parallel_scattered(Communicator& group, const Tensor& x, const Tensor& a,
                              const Tensor& bias);

}  // namespace shard
