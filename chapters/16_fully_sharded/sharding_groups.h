// ShardingGroups: the ranks that share one copy of the weights, and those that have the same part.
#pragma once
#include <memory>

#include "common/comm/communicator.h"

namespace shard {

/// Which data-parallel ranks share the weights. Rank i of `shards` has part i; the ranks of
/// `replicas`, if there are any, have the same part. All of them may share one copy, or neighbours
/// may, `shard_ranks` of them, so that weights are only gathered among neighbours, and gradients
/// are summed over the replicas: hybrid sharding (arXiv:2304.11277, section 3.2.2).
class ShardingGroups {
 public:
  /// All ranks share one copy.
  explicit ShardingGroups(Communicator& dp) : shards_(&dp) {}
  /// Hybrid sharding. Throws UsageError unless shard_ranks divides the number of ranks. Collective.
  ShardingGroups(Communicator& dp, int shard_ranks);

  Communicator& shards() const { return *shards_; }
  Communicator* replicas() const { return replicas_.get(); }

 private:
  std::unique_ptr<Communicator> neighbours_, replicas_;
  Communicator* shards_;
};

}  // namespace shard
