#include "chapters/10_tensor_and_data_parallel/gradient_norm.h"

#include "common/tensor/ops.h"

namespace shard {

ShardedGradientNorm::ShardedGradientNorm(Communicator& tp, Parameters parameters)
    : tp_(tp), parameters_(std::move(parameters)), squares_(Tensor::zeros(tp.backend(), {1})) {}

//! [10-norm]
/// A sharded parameter's parts add up over the tp ranks; of a replicated one, whose gradient all of
/// them hold, one rank counts it.
Tensor ShardedGradientNorm::sum_of_squares() {
  fill(squares_, 0.0f);
  add_counted_squares(squares_, parameters_);
  return tp_.all_reduce(PartialSum(squares_));
}
//! [10-norm]

}  // namespace shard
