#include "chapters/18_pipeline/pipeline_step.h"

#include "chapters/18_pipeline/all_stages.h"

namespace shard {

//! [18-parts]
StepParts in_pipeline(StepParts parts, Grid& grid, PipelinedModel& model,
                      const TrainingSettings& settings, const Schedule& schedule) {
  Communicator& stages = model.stages();
  parts.passes = std::make_unique<Pipeline>(grid.dp(), model, settings, schedule);
  parts.reduction = std::make_unique<ReductionOnStages>(stages, std::move(parts.reduction));
  parts.optimizer = std::make_unique<OptimizerOnStages>(stages, std::move(parts.optimizer));
  return parts;
}

StepParts pipeline_parts_of_step(Grid& grid, PipelinedModel& model,
                                 const TrainingSettings& settings, const Schedule& schedule) {
  return in_pipeline(parts_of_step(grid, model, settings), grid, model, settings, schedule);
}
//! [18-parts]

}  // namespace shard
