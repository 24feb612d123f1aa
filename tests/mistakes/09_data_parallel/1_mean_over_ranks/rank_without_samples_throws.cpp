// expect: WRONG rank 1: exercise 09.1, t = 3: an exception where none is asked for: no mean of 0 samples (called with gradient [23] and loss [1])
#include "common/tensor/ops.h"
#include "exercises/09_data_parallel/1_mean_over_ranks.h"

namespace shard {

MeanLoss mean_over_ranks(Communicator& group, const MeanLoss& mine, int64_t samples) {
  require(samples > 0, "no mean of ", samples, " samples");
  const int64_t n = mine.gradient.elements();
  Tensor packed(group.backend(), {n + 2});  // gradient, loss, number of samples
  Tensor gradient = packed.slice({0, n}), loss = packed.slice({n, n + 1}),
         count = packed.slice({n + 1, n + 2});
  copy(gradient, mine.gradient);
  copy(loss, mine.loss);
  fill(count, 1.0f);
  // sums over this rank's samples: of gradients, of losses, of ones
  scale(packed, static_cast<float>(samples));
  group.all_reduce(PartialSum(packed));      // sums over all ranks' samples, in place
  scale(packed, 1.0f / count.to_host()[0]);  // to_host first, then scale: count is a view of packed
  return {gradient, loss};
}

}  // namespace shard
