// expect: your function changed its argument gradient 0
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
  Tensor whole = gradients[0];
  for (size_t k = 1; k < gradients.size(); ++k) accumulate(whole, gradients[k]);
  return replicas.all_reduce(PartialSum(shards.reduce_scatter(PartialSum(whole))));
}

}  // namespace shard
