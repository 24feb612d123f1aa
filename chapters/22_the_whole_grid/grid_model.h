// The model of any grid and any switches: chapter 10's GPT with the blocks of chapters 13, 14, 20
// and 21, whole on every rank of a replica or in the parts of a pipeline.
#pragma once
#include "chapters/10_tensor_and_data_parallel/language_model.h"
#include "chapters/14_recompute/memory_plan.h"
#include "chapters/22_the_whole_grid/switches.h"
#include "common/comm/grid.h"

namespace shard::chapter_22 {

/// What a model is made for.
struct ModelPlan {
  GptSizes sizes;
  Init init;
  Switches switches;
  /// How many of the first blocks are recomputed.
  int64_t recomputed = 0;
};

/// A whole BasicGpt where the grid has no axes but tp and dp of several ranks; otherwise a
/// PipelinedModel, of one stage or more, whose gradients say that they lack sums over "cp". Throws
/// UsageError for heads or tokens that the ranks cannot share out. Collective over the grid's
/// ranks.
std::unique_ptr<LanguageModel> model_on(Grid& grid, const ModelPlan& plan);

/// The bytes that this rank keeps of `batch` with one block of a whole model, and for all of them.
ModelBytes bytes_of_model(Grid& grid, ModelPlan plan, const Batch& batch);

}  // namespace shard::chapter_22
