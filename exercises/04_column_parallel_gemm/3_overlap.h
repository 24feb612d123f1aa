#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// The backward pass of Y = X·A + bias, A and bias cut by columns, with the tokens in two halves:
/// the first part_of(tokens, 2, 0) and the second part_of(tokens, 2, 1), each with a sum of its
/// own. x [tokens × in]: the same on every rank; dy [tokens × out/t] and a [in × out/t]: this
/// rank's columns. Returns dX [tokens × in], the same on every rank. Adds to da [in × out/t] and db
/// [out/t], the gradients so far. Both sums are started before da and db are touched, and waited
/// for when they are complete.
Tensor backward_in_halves(Communicator& group, const Tensor& x, const Tensor& dy, const Tensor& a,
                          Tensor& da, Tensor& db);

}  // namespace shard
