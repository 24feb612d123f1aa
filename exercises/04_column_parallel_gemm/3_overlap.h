#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// The backward pass of Y = X·A + bias, A and bias cut by columns, with the tokens in two halves:
/// the first part_of(tokens, 2, 0) and the second part_of(tokens, 2, 1), each with a separate
/// all_reduce. x [tokens × in]: the same on every rank; dy [tokens × out/t] and a [in × out/t]:
/// this rank's columns. Returns dX [tokens × in], the same on every rank. Adds to da [in × out/t]
/// and db [out/t], which hold earlier gradients. Both sums are started before da and db are
/// changed, and waited for when da and db are complete.
Tensor backward_in_halves(Communicator& group, const Tensor& x, const Tensor& dy, const Tensor& a,
                          Tensor& da, Tensor& db);

}  // namespace shard
