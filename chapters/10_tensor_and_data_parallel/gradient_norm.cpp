#include "chapters/10_tensor_and_data_parallel/gradient_norm.h"

#include "common/tensor/ops.h"

namespace shard {

ShardedGradientNorm::ShardedGradientNorm(Communicator& replica, Parameters parameters)
    : replica_(replica),
      parameters_(std::move(parameters)),
      squares_(Tensor::zeros(replica.backend(), {1})) {}

//! [10-norm]
/// A sharded parameter's parts add up over the ranks; of a replicated one, whose gradient several
/// of them hold, one rank counts it.
Tensor ShardedGradientNorm::sum_of_squares() {
  fill(squares_, 0.0f);
  add_counted_squares(squares_, parameters_);
  return replica_.all_reduce(PartialSum(squares_));
}
//! [10-norm]

}  // namespace shard
