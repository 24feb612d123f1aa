#include "chapters/16_fully_sharded/sharding_groups.h"

#include "common/base/counted.h"

namespace shard {

ShardingGroups::ShardingGroups(Communicator& dp, int shard_ranks) : shards_(&dp) {
  require_usage(shard_ranks >= 1 && dp.size() % shard_ranks == 0, counted(dp.size(), "rank"),
                " cannot be divided into groups of ", shard_ranks, " that share weights");
  if (shard_ranks == dp.size()) return;
  neighbours_ = dp.split(dp.rank() / shard_ranks, "shards");
  replicas_ = dp.split(dp.rank() % shard_ranks, "replicas");
  shards_ = neighbours_.get();
}

}  // namespace shard
