// ShardNorm: part 3 of a step. The norm of a gradient of which every rank has ranges only.
#pragma once
#include "chapters/15_sharded_optimizer/sharded_adamw.h"

namespace shard {

class ShardNorm : public GradientNorm {
 public:
  /// `all` are all ranks that hold a part of the model: those of the grid.
  ShardNorm(Communicator& all, const GradientShards& gradients);
  /// The same for gradients in any ranges; where several ranks have the same range, one gives it.
  ShardNorm(Communicator& all, const std::vector<OwnRange>& ranges);
  Tensor sum_of_squares() override;

 private:
  void add(const std::vector<FlatPiece>& pieces, const Tensor& gradient);

  Communicator& all_;
  std::vector<Tensor> counted_;  // gradients
  Tensor squares_;               // [1]
};

}  // namespace shard
