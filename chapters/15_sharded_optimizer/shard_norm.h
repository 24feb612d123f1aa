// ShardNorm: part 3 of a step. The norm of a gradient of which every rank has ranges only.
#pragma once
#include "chapters/15_sharded_optimizer/gradient_shards.h"

namespace shard {

class ShardNorm : public GradientNorm {
 public:
  /// `all` are all ranks that hold a part of the model: those of the grid. `gradients` must outlive
  /// this object.
  ShardNorm(Communicator& all, const GradientShards& gradients);
  Tensor sum_of_squares() override;

 private:
  Communicator& all_;
  const GradientShards& gradients_;
  Tensor squares_;  // [1]
};

}  // namespace shard
