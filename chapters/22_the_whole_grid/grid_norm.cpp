#include "chapters/22_the_whole_grid/grid_norm.h"

#include "common/tensor/ops.h"

namespace shard {

//! [22-norm]
GridNorm::GridNorm(Grid& grid, const Parameters& parameters)
    : all_(grid.world()), squares_(Tensor::zeros(all_.backend(), {1})) {
  for (Parameter* parameter : parameters)
    if (chapter_22::counts_here(grid, *parameter)) counted_.push_back(parameter);
}

Tensor GridNorm::sum_of_squares() {
  fill(squares_, 0.0f);
  add_counted_squares(squares_, counted_);
  return all_.all_reduce(PartialSum(squares_));  // a rank that counts nothing must come, too
}
//! [22-norm]

}  // namespace shard
