// expect: what is replicated was counted on dp rank 0 only
#include <cmath>

#include "common/tensor/ops.h"
#include "exercises/15_sharded_optimizer/2_norm_of_shards.h"

namespace shard {

double clip_shards(Grid& grid, const std::vector<GradientPiece>& pieces, double limit) {
  Tensor squares = Tensor::zeros(grid.world().backend(), {1});
  for (const GradientPiece& piece : pieces) {
    if (!piece.replicated || grid.world().rank() == 0) add_sum_of_squares(squares, piece.gradient);
  }
  const double norm =
      std::sqrt(static_cast<double>(grid.world().all_reduce(PartialSum(squares)).to_host()[0]));
  if (norm > limit) {
    for (const GradientPiece& piece : pieces) {
      Tensor gradient = piece.gradient;
      scale(gradient, static_cast<float>(limit / norm));
    }
  }
  return norm;
}

}  // namespace shard
