// expect: ranks that are far apart in shards, and neighbours in replicas
// ranks: 6
#include "common/tensor/ops.h"
#include "exercises/16_fully_sharded/3_hybrid.h"

namespace shard {

HybridGroups hybrid_groups(Communicator& dp, int shard_ranks) {
  const int replicas = dp.size() / shard_ranks;
  return {.shards = dp.split(dp.rank() % replicas, "shards"),
          .replicas = dp.split(dp.rank() / replicas, "replicas")};
}

Tensor hybrid_gradient(Communicator& shards, Communicator& replicas,
                       const std::vector<Tensor>& gradients) {
  Tensor part;
  for (const Tensor& gradient : gradients) {
    const Tensor sum = shards.reduce_scatter(PartialSum(gradient));
    if (part)
      accumulate(part, sum);
    else
      part = sum;
  }
  return replicas.all_reduce(PartialSum(part));
}

}  // namespace shard
