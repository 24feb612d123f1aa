// Which grids and which switches --layouts tries together.
#pragma once
#include "chapters/10_tensor_and_data_parallel/layouts.h"
#include "chapters/22_the_whole_grid/switches.h"

namespace shard::chapter_22 {

/// A grid, and what is switched on there.
struct Combination {
  chapter_10::Layout grid;
  Switches switches;
};

/// On every grid of at most `ranks` ranks: sequence parallelism off and, where tp > 1, on;
/// recomputation none and full; and 0 or, where dp > 1, 0 to 3 shared out.
std::vector<Combination> combinations_of(int ranks, int64_t heads,
                                         const TrainingSettings& settings);
/// On every grid that has several ranks along cp or pp, too: nothing else, and everything that goes
/// with it; with stages also each schedule. Of more than 4 ranks only grids that use all of them.
std::vector<Combination> combinations_on_further_axes(int ranks, int64_t heads,
                                                      const TrainingSettings& settings);
/// With experts, on every grid of at most `ranks` ranks: on one rank, and spread over some of those
/// of cp × dp.
std::vector<Combination> combinations_with_experts(int ranks, int64_t heads,
                                                   const TrainingSettings& settings);

/// The grid's axes of several ranks: "tp 2 × pp 2"; "1 rank".
std::string grid_of(const Combination& combination);
int ranks_of(const Combination& combination);

}  // namespace shard::chapter_22
