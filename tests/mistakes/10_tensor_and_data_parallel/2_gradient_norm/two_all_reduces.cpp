// expect: 2 all_reduces instead of 1
#include <cmath>

#include "common/tensor/ops.h"
#include "exercises/10_tensor_and_data_parallel/2_gradient_norm.h"

namespace shard {

double gradient_norm(Grid& grid, const std::vector<HeldGradient>& gradients) {
  Tensor squares = Tensor::zeros(grid.world().backend(), {1});
  for (const HeldGradient& gradient : gradients) {
    if ((gradient.split_over_tp || grid.tp().rank() == 0) &&
        (gradient.split_over_dp || grid.dp().rank() == 0))
      add_sum_of_squares(squares, gradient.part);
  }
  const Tensor of_replica = grid.tp().all_reduce(PartialSum(squares));
  return std::sqrt(grid.dp().all_reduce(PartialSum(of_replica)).to_host()[0]);
}

}  // namespace shard
