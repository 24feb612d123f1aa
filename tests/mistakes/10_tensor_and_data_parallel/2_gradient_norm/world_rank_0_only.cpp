// expect: your norm on tp 2 × dp 2 is too small: what is not split over both counts only on rank 0 of the world
// ranks: 4
#include <cmath>

#include "common/tensor/ops.h"
#include "exercises/10_tensor_and_data_parallel/2_gradient_norm.h"

namespace shard {

double gradient_norm(Grid& grid, const std::vector<HeldGradient>& gradients) {
  Tensor squares = Tensor::zeros(grid.world().backend(), {1});
  for (const HeldGradient& gradient : gradients) {
    if ((gradient.split_over_tp && gradient.split_over_dp) || grid.world().rank() == 0)
      add_sum_of_squares(squares, gradient.part);
  }
  return std::sqrt(grid.world().all_reduce(PartialSum(squares)).to_host()[0]);
}

}  // namespace shard
