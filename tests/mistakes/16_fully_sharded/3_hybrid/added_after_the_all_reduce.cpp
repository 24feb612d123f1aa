// expect: they were added after the sum over the replicas
// ranks: 6
#include "common/tensor/ops.h"
#include "exercises/16_fully_sharded/3_hybrid.h"

namespace shard {

HybridGroups hybrid_groups(Communicator& dp, int shard_ranks) {
  return {.shards = dp.split(dp.rank() / shard_ranks, "shards"),
          .replicas = dp.split(dp.rank() % shard_ranks, "replicas")};
}

Tensor hybrid_gradient(Communicator& shards, Communicator& replicas,
                       const std::vector<Tensor>& gradients) {
  Tensor earlier;
  for (size_t k = 0; k + 1 < gradients.size(); ++k) {
    const Tensor sum = shards.reduce_scatter(PartialSum(gradients[k]));
    if (earlier)
      accumulate(earlier, sum);
    else
      earlier = sum;
  }
  Tensor part =
      replicas.all_reduce(PartialSum(shards.reduce_scatter(PartialSum(gradients.back()))));
  accumulate(part, earlier);
  return part;
}

}  // namespace shard
