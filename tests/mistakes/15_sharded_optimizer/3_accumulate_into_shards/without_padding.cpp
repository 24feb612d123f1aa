// expect: is cut without padding, by part_of
#include "common/tensor/ops.h"
#include "exercises/15_sharded_optimizer/3_accumulate_into_shards.h"

namespace shard {

Tensor accumulated_shard(Communicator& dp, int64_t elements, int64_t passes,
                         const AddPass& add_pass, Reduced reduced) {
  Tensor whole = Tensor::zeros(dp.backend(), {elements}), shard;
  for (int64_t pass = 0; pass < passes; ++pass) {
    add_pass(pass, whole);
    if (reduced == Reduced::after_last_pass && pass + 1 < passes) continue;
    const Tensor part = dp.reduce_scatter(PartialSum(whole));
    shard = shard ? add(shard, part) : part;
    fill(whole, 0.0f);
  }
  return shard;
}

}  // namespace shard
