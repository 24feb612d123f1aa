// GridNorm: part 3 of a step, on any grid. One sum over all ranks, in which each element of the
// model's gradient is counted by one of the ranks that hold it.
#pragma once
#include "chapters/10_tensor_and_data_parallel/training_step.h"
#include "chapters/22_the_whole_grid/gradient_table.h"

namespace shard {

class GridNorm : public GradientNorm {
 public:
  /// `parameters` are this rank's, and their gradients complete.
  GridNorm(Grid& grid, const Parameters& parameters);
  Tensor sum_of_squares() override;

 private:
  Communicator& all_;
  Parameters counted_;  // by this rank
  Tensor squares_;      // [1]
};

}  // namespace shard
