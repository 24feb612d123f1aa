#pragma once
#include "common/base/random.h"
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// Everything that a mask depends on: the same on every rank of the tensor-parallel group.
struct DropoutPlan {
  float probability = 0;
  RandomStream random;
  int64_t first_token = 0;  // index of this group's first token in the global batch
};

/// h [tokens × hidden/t]: this rank's columns, part_of(hidden, t, rank), of the MLP's hidden layer
/// H before GeLU. Returns the same columns of dropout(GeLU(H)).
Tensor gelu_dropout(Communicator& group, const Tensor& h, int64_t hidden, const DropoutPlan& plan);

/// dy [tokens × hidden/t]: the gradient of the result of gelu_dropout(group, h, hidden, plan).
/// Returns the gradient of h.
Tensor gelu_dropout_backward(Communicator& group, const Tensor& h, const Tensor& dy, int64_t hidden,
                             const DropoutPlan& plan);

/// x [tokens/t × width]: this rank's rows, part_of(tokens, t, rank), of X [tokens × width]. Returns
/// the same rows of dropout(X).
Tensor sequence_dropout(Communicator& group, const Tensor& x, int64_t tokens,
                        const DropoutPlan& plan);

}  // namespace shard
