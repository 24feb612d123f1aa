// expect: your hybrid_groups leaves a group out
// ranks: 6
#include "common/tensor/ops.h"
#include "exercises/16_fully_sharded/3_hybrid.h"

namespace shard {

HybridGroups hybrid_groups(Communicator& dp, int shard_ranks) {
  const bool is_first = dp.rank() % shard_ranks == 0;
  return {.shards = dp.split(dp.rank() / shard_ranks, "shards"),
          .replicas = dp.split(is_first ? 0 : Communicator::no_group, "replicas")};
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
