#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// Gradients of one training step on one rank, after the backward passes of all its micro-batches.
struct BlockGradients {
  Tensor positions;        // [context × width]: the table of positions, added to own rows
  Tensor norm_gain;        // [width]: of the norm of own rows, before the all-gather
  Tensor norm_bias;        // [width]: likewise
  Tensor router;           // [width × experts]: multiplies all gathered rows, on every rank alike
  Tensor qkv_weight;       // [width × 3·width/t]: columns of this rank's heads; all rows
  Tensor qkv_bias;         // [3·width/t]: likewise
  Tensor query_norm_gain;  // [head_width]: one for all heads; of Q in this rank's heads, all rows
  Tensor projection_weight;  // [width/t × width]: rows of this rank's heads; all rows
  Tensor projection_bias;    // [width]: added to own rows, after the reduce-scatter
};

/// Makes every gradient that of the whole batch, where it is: other objects have views of the same
/// memory.
void complete_gradients(Communicator& tp, BlockGradients& gradients);

}  // namespace shard
