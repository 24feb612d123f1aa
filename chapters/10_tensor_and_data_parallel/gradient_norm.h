// ShardedGradientNorm: part 3 of a step. The norm of a gradient whose parts are on several ranks.
#pragma once
#include "chapters/10_tensor_and_data_parallel/training_step.h"
#include "common/comm/communicator.h"
#include "common/tensor/parameter.h"

namespace shard {

class ShardedGradientNorm : public GradientNorm {
 public:
  /// `parameters` are this rank's of the model, which the ranks of `replica` share out; their
  /// gradients are complete.
  ShardedGradientNorm(Communicator& replica, Parameters parameters);
  Tensor sum_of_squares() override;

 private:
  Communicator& replica_;
  Parameters parameters_;
  Tensor squares_;  // [1]
};

}  // namespace shard
