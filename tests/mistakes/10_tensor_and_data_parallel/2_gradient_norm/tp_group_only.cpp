// expect: your norm on tp 2 × dp 2 is the norm of what the ranks of this tp group hold: the squares were not summed over dp
// ranks: 4
#include <cmath>

#include "common/tensor/ops.h"
#include "exercises/10_tensor_and_data_parallel/2_gradient_norm.h"

namespace shard {

double gradient_norm(Grid& grid, const std::vector<HeldGradient>& gradients) {
  Tensor squares = Tensor::zeros(grid.world().backend(), {1});
  for (const HeldGradient& gradient : gradients) {
    if (gradient.split_over_tp || grid.tp().rank() == 0) add_sum_of_squares(squares, gradient.part);
  }
  return std::sqrt(grid.tp().all_reduce(PartialSum(squares)).to_host()[0]);
}

}  // namespace shard
