// expect: your function changed its argument gradient [
#include "common/tensor/ops.h"
#include "exercises/09_data_parallel/1_mean_over_ranks.h"

namespace shard {

MeanLoss mean_over_ranks(Communicator& group, const MeanLoss& mine, int64_t samples) {
  const int64_t n = mine.gradient.elements();
  Tensor packed(group.backend(), {n + 2}), sum = mine.gradient, losses = mine.loss;
  Tensor gradient = packed.slice({0, n}), loss = packed.slice({n, n + 1}),
         count = packed.slice({n + 1, n + 2});
  scale(sum, static_cast<float>(samples));
  scale(losses, static_cast<float>(samples));
  copy(gradient, sum);
  copy(loss, losses);
  fill(count, static_cast<float>(samples));
  group.all_reduce(PartialSum(packed));
  scale(packed, 1.0f / count.to_host()[0]);
  return {gradient, loss};
}

}  // namespace shard
