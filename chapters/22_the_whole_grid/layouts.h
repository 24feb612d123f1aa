// The equal-loss and equal-gradient table: the same few steps on every grid that fits the ranks,
// with every combination of the switches.
#pragma once
#include "chapters/22_the_whole_grid/combinations.h"

namespace shard::chapter_22 {

/// Trains the model of these sizes for `settings.steps` steps with each of them, prints a row for
/// each, and checks that losses, norms before clipping and gradients are those of one rank.
/// Collective over all ranks; a grid that needs fewer leaves the others waiting.
void compare_combinations(Runtime& runtime, Report& report, const GptSizes& sizes,
                          const TextData& data, const TrainingSettings& settings);

}  // namespace shard::chapter_22
