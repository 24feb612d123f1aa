// The parts of a training step in a pipeline: other passes, and lists of weights and gradients that
// name what is on other stages, too. Reduction, norm and optimizer stay what they are.
#pragma once
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "chapters/18_pipeline/pipeline.h"

namespace shard {

/// `parts`, made for the parameters of this rank's stage, with a Pipeline in the place of their
/// passes. Their lists name the tensors of all stages, in the model's order, as a checkpoint needs
/// them. Collective over the grid's ranks.
StepParts in_pipeline(StepParts parts, Grid& grid, PipelinedModel& model,
                      const TrainingSettings& settings, const Schedule& schedule);

/// Chapter 10's parts in a pipeline. Throws as parts_of_step and Pipeline.
StepParts pipeline_parts_of_step(Grid& grid, PipelinedModel& model,
                                 const TrainingSettings& settings, const Schedule& schedule);

}  // namespace shard
