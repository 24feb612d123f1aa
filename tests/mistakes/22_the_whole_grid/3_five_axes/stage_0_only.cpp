// expect: too small: only the first rank along pp counts
#include <algorithm>
#include <cmath>

#include "common/tensor/ops.h"
#include "exercises/22_the_whole_grid/3_five_axes.h"

namespace shard {

static bool counts(const Grid& grid, const SummedGradient& gradient) {
  const Axes axes =
      gradient.is_expert ? Axes{"tp", "pp", "ep", "edp"} : Axes{"tp", "pp", "cp", "dp"};
  return std::ranges::all_of(axes, [&](const std::string& axis) {
    return (axis != "pp" && std::ranges::count(gradient.others_along, axis) > 0) ||
           grid.coordinate(axis) == 0;
  });
}

double gradient_norm(Grid& grid, const std::vector<SummedGradient>& gradients) {
  Tensor squares = Tensor::zeros(grid.world().backend(), {1});
  for (const SummedGradient& gradient : gradients)
    if (counts(grid, gradient)) add_sum_of_squares(squares, gradient.part);
  return std::sqrt(grid.world().all_reduce(PartialSum(squares)).to_host()[0]);
}

}  // namespace shard
