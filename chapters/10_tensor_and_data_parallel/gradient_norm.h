// ShardedGradientNorm: part 3 of a step. The norm of a gradient whose parts are on several ranks.
#pragma once
#include "chapters/10_tensor_and_data_parallel/training_step.h"
#include "common/comm/communicator.h"
#include "common/tensor/parameter.h"

namespace shard {

class ShardedGradientNorm : public GradientNorm {
 public:
  /// `parameters` are cut over the ranks of `tp`, and their gradients complete.
  ShardedGradientNorm(Communicator& tp, Parameters parameters);
  Tensor sum_of_squares() override;

 private:
  Communicator& tp_;
  Parameters parameters_;
  Tensor squares_;  // [1]
};

}  // namespace shard
