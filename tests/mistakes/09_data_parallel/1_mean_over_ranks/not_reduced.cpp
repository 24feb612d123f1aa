// expect: this rank's own mean: those of the other ranks were never added
#include "common/tensor/ops.h"
#include "exercises/09_data_parallel/1_mean_over_ranks.h"

namespace shard {

MeanLoss mean_over_ranks(Communicator& group, const MeanLoss& mine, int64_t samples) {
  return {mine.gradient.clone(), mine.loss.clone()};
}

}  // namespace shard
