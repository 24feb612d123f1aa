// What chapter 10 checks before it trains: that the split model is the unsplit one, and that its
// gradients are right.
#pragma once
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "common/program/runtime.h"
#include "common/text/text_data.h"

namespace shard::chapter_10 {

/// The first `steps` steps beside an unsplit model on every rank: losses, gradient norms and the
/// gradients of the last.
void check_against_unsplit(Runtime& runtime, Report& report, Grid& grid, const GptSizes& sizes,
                           const TrainingSettings& settings, const TextData& data, int64_t steps);

/// A tiny model's gradients against central differences of the same model in double precision.
void check_against_finite_differences(Runtime& runtime, Report& report, uint64_t seed);

}  // namespace shard::chapter_10
