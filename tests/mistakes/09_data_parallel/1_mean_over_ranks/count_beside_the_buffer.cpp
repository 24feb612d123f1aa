// expect: 1 all_reduce of 96 bytes instead of 100
#include "common/tensor/ops.h"
#include "exercises/09_data_parallel/1_mean_over_ranks.h"

namespace shard {

MeanLoss mean_over_ranks(Communicator& group, const MeanLoss& mine, int64_t samples) {
  const int64_t n = mine.gradient.elements();
  Tensor packed(group.backend(), {n + 1});
  Tensor gradient = packed.slice({0, n}), loss = packed.slice({n, n + 1});
  copy(gradient, mine.gradient);
  copy(loss, mine.loss);
  const double count = group.sum_of(static_cast<double>(samples));  // by way of the host
  scale(packed, static_cast<float>(static_cast<double>(samples) / count));
  group.all_reduce(PartialSum(packed));
  return {gradient, loss};
}

}  // namespace shard
