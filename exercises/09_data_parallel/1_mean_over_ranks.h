#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

struct MeanLoss {
  Tensor gradient;  // [elements]
  Tensor loss;      // [1]
};

/// mine: loss and gradient as means over this rank's own `samples` samples; zeros on a rank without
/// samples. Returns the means over the samples of all ranks, the same on every rank.
MeanLoss mean_over_ranks(Communicator& group, const MeanLoss& mine, int64_t samples);

}  // namespace shard
