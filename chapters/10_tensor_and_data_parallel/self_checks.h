// What chapter 10 checks before it trains: that the split model is the unsplit one, and that its
// gradients are right.
#pragma once
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "common/program/runtime.h"
#include "common/text/text_data.h"

namespace shard::chapter_10 {

/// The first `steps` steps of a new model beside an unsplit one on every rank: losses, gradient
/// norms and the gradients of the last.
void check_against_unsplit(Runtime& runtime, Report& report, Grid& grid, const GptSizes& sizes,
                           const TrainingSettings& settings, const TextData& data, int64_t steps,
                           const Recipe& recipe = usual_recipe());

/// A parameter, and the relative error of its gradient.
struct GradientError {
  std::string parameter;
  double error = 0;
};
/// The largest of all parameters, each gradient whole, against those of an unsplit model.
/// Collective over the grid.
GradientError largest_error_of_sums(Grid& grid, const GradientReduction& got,
                                    const Parameters& unsplit);

/// A tiny model's gradients against central differences of the same model in double precision.
void check_against_finite_differences(Runtime& runtime, Report& report, uint64_t seed);

}  // namespace shard::chapter_10
