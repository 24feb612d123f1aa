#pragma once
#include <memory>
#include <vector>

#include "common/comm/communicator.h"

namespace shard {

/// A rank's two groups. Together they reach all ranks: each rank of `shards` has `replicas` of its
/// own.
struct HybridGroups {
  std::unique_ptr<Communicator> shards;    // neighbours, who share one copy of the weights
  std::unique_ptr<Communicator> replicas;  // those with the same part of other copies
};

/// Groups of `shard_ranks` ranks with consecutive numbers share weights; shard_ranks divides
/// dp.size(). In both groups ranks are in the order of their numbers. The
/// groups' names, which messages show, are up to you.
HybridGroups hybrid_groups(Communicator& dp, int shard_ranks);

/// gradients[k] [elements]: this rank's term of the gradient in micro-batch k. The number of ranks
/// of `shards` divides elements. Returns this rank's part, elements/shards.size(), of the sum over
/// all micro-batches of all ranks.
Tensor hybrid_gradient(Communicator& shards, Communicator& replicas,
                       const std::vector<Tensor>& gradients);

}  // namespace shard
