#include "chapters/22_the_whole_grid/grid_recipe.h"

#include <utility>

#include "chapters/15_sharded_optimizer/sharded_step.h"
#include "chapters/16_fully_sharded/fully_sharded_step.h"
#include "chapters/18_pipeline/pipeline_step.h"
#include "chapters/19_interleaved_pipeline/named_schedule.h"
#include "chapters/19_interleaved_pipeline/split_backward.h"
#include "chapters/21_experts/expert_gpt.h"
#include "chapters/22_the_whole_grid/blocks_that_fit.h"
#include "chapters/22_the_whole_grid/grid_model.h"
#include "chapters/22_the_whole_grid/grid_norm.h"
#include "common/base/counted.h"

namespace shard::chapter_22 {
namespace {

using Say = std::function<void(const std::string&)>;

/// The first blocks are recomputed, as few as switches.memory allows.
int64_t blocks_to_recompute(Grid& grid, const ModelPlan& plan, const TrainingSettings& training) {
  if (plan.switches.recompute != Recompute::full) return 0;
  if (plan.switches.memory == 0) return plan.sizes.layers;
  const Batch batch = largest_micro_batch(grid, plan.sizes, training);
  return fewest_recomputed(largest_of(grid.world(), bytes_of_model(grid, plan, batch)),
                           static_cast<int64_t>(plan.switches.memory * 1e6));
}

//! [22-recipe]
StepParts sharded_parts(Grid& grid, LanguageModel& model, const TrainingSettings& settings,
                        const Switches& switches) {
  switch (switches.shard_optimizer) {
    case 0: {
      StepParts parts = parts_of_step(grid, model, settings);
      parts.norm = std::make_unique<GridNorm>(grid, model.parameters());
      return parts;
    }
    case 1: return sharded_parts_of_step(grid, model, settings, Sharding::moments);
    case 2: return sharded_parts_of_step(grid, model, settings, Sharding::gradients);
    default:
      return fully_sharded_step(grid, model, settings, {.prefetch = !switches.no_prefetch}).parts;
  }
}

StepParts parts_of(Grid& grid, LanguageModel& model, const TrainingSettings& settings,
                   const Switches& switches) {
  StepParts parts = sharded_parts(grid, model, settings, switches);
  if (switches.pp == 1) return parts;
  auto& stages = dynamic_cast<PipelinedModel&>(model);
  const Schedule schedule = named_schedule(switches.schedule, static_cast<int>(switches.pp),
                                           settings.accumulate, static_cast<int>(switches.chunks));
  parts = in_pipeline(std::move(parts), grid, stages, settings, schedule);
  parts.passes = std::make_unique<SplitBackward>(grid.dp(), stages, settings, schedule);
  return parts;
}

std::unique_ptr<Grid> grid_of(Communicator& world, int tp, int dp, const Switches& switches) {
  auto grid = std::make_unique<Grid>(world,
                                     AxisSizes{{"tp", tp},
                                               {"cp", static_cast<int>(switches.cp)},
                                               {"pp", static_cast<int>(switches.pp)},
                                               {"dp", dp}},
                                     switches.order);
  if (switches.experts > 0) {
    fold_experts(*grid, static_cast<int>(switches.ep));
    expert_groups(*grid);  // made here: a stage without blocks has no layer that would ask for them
  }
  return grid;
}

}  // namespace

Recipe recipe_of(const Switches& switches, const TrainingSettings& training, const Say& say) {
  const auto silent = std::make_shared<bool>(!say || switches.recompute != Recompute::full);
  return {
      .model =
          [=, &training](Grid& grid, const GptSizes& sizes, const Init& init) {
            ModelPlan plan{sizes, init, switches};
            plan.recomputed = blocks_to_recompute(grid, plan, training);
            auto model = model_on(grid, plan);
            require_as_in_table(grid, model->parameters(), switches.sequence_parallel);
            if (!std::exchange(*silent, true))  // the self-check makes a model, too
              say(text("  recomputes ", plan.recomputed, " of ", counted(sizes.layers, "block")));
            return model;
          },
      .parts =
          [=](Grid& grid, LanguageModel& model, const TrainingSettings& settings) {
            return parts_of(grid, model, settings, switches);
          },
      .grid = [=](Communicator& world, int tp, int dp) { return grid_of(world, tp, dp, switches); },
      .is_another_function = switches.experts > 0};
}
//! [22-recipe]

}  // namespace shard::chapter_22
