// expect: your gradient is the plain mean of the means of the ranks that have samples
#include "common/tensor/ops.h"
#include "exercises/09_data_parallel/1_mean_over_ranks.h"

namespace shard {

MeanLoss mean_over_ranks(Communicator& group, const MeanLoss& mine, int64_t samples) {
  const int64_t n = mine.gradient.elements();
  Tensor packed(group.backend(), {n + 2});
  Tensor gradient = packed.slice({0, n}), loss = packed.slice({n, n + 1}),
         count = packed.slice({n + 1, n + 2});
  copy(gradient, mine.gradient);
  copy(loss, mine.loss);
  fill(count, 1.0f);
  scale(packed, samples > 0 ? 1.0f : 0.0f);
  group.all_reduce(PartialSum(packed));
  scale(packed, 1.0f / count.to_host()[0]);
  return {gradient, loss};
}

}  // namespace shard
