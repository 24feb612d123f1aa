// PartialGradients: what parameters say that their gradients still lack, summed along the axes of a
// grid.
#pragma once
#include "common/comm/grid.h"
#include "common/tensor/parameter.h"

namespace shard {

class PartialGradients {
 public:
  /// For those `parameters` that are partial over axes other than `except`, which someone else
  /// reduces. Not every rank has to hold a parameter: as on the first and the last stage of a
  /// pipeline, those of a group that hold one of this name sum it. Collective over the grid's
  /// ranks. Throws Error for an axis that the grid has not.
  PartialGradients(Grid& grid, const Parameters& parameters, const Axes& except = {});
  /// Sums the gradients, where they are: one all_reduce a group of axes and of ranks, and none
  /// where the axes have one rank. Collective over the ranks that hold them.
  void sum();

 private:
  /// Parameters that the same ranks sum.
  struct Sum {
    Communicator* group;
    Parameters parameters;
    Tensor flat;  // [elements], one gradient after the other; unused for one parameter
  };
  std::vector<std::unique_ptr<Communicator>> groups_;  // of ranks that hold what others do not
  std::vector<Sum> sums_;                              // in the same order on all ranks
};

}  // namespace shard
