// The equal-loss and equal-gradient table: the same few steps on every grid that fits the ranks,
// with every combination of the switches.
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

/// Trains the model of these sizes for `settings.steps` steps with each of them, prints a row for
/// each, and checks that losses, norms before clipping and gradients are those of one rank.
/// Collective over all ranks; a grid that needs fewer leaves the others waiting.
void compare_combinations(Runtime& runtime, Report& report, const GptSizes& sizes,
                          const TextData& data, const TrainingSettings& settings);

}  // namespace shard::chapter_22
