// The equal-loss table: the same few steps on every grid that fits the ranks.
#pragma once
#include "chapters/10_tensor_and_data_parallel/batches.h"
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "common/program/runtime.h"

namespace shard::chapter_10 {

struct Layout {
  int tp = 1, dp = 1;
};

/// All tp × dp of at most `ranks` ranks whose tp divides the heads and whose dp has a sequence for
/// each micro-batch.
std::vector<Layout> layouts_of(int ranks, int64_t heads, const TrainingSettings& settings);

/// Trains the model of these sizes for `settings.steps` steps in every layout, prints the losses
/// side by side, and checks that all are equal to those of 1 × 1 within 1e-4 (relative). Collective
/// over all ranks; a layout that needs fewer leaves the others waiting.
void compare_layouts(Runtime& runtime, Report& report, const GptSizes& sizes, const TextData& data,
                     const TrainingSettings& settings);

}  // namespace shard::chapter_10
