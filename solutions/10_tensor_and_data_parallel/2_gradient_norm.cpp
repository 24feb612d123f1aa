#include "exercises/10_tensor_and_data_parallel/2_gradient_norm.h"

#include <cmath>

#include "common/tensor/ops.h"

namespace shard {

double gradient_norm(Grid& grid, const std::vector<HeldGradient>& gradients) {
  Tensor squares = Tensor::zeros(grid.world().backend(), {1});
  for (const HeldGradient& gradient : gradients) {
    // of equal parts, one counts
    const bool counts_along_tp = gradient.split_over_tp || grid.tp().rank() == 0;
    const bool counts_along_dp = gradient.split_over_dp || grid.dp().rank() == 0;
    if (counts_along_tp && counts_along_dp) add_sum_of_squares(squares, gradient.part);
  }
  // the root after the sum
  return std::sqrt(grid.world().all_reduce(PartialSum(squares)).to_host()[0]);
}

}  // namespace shard
