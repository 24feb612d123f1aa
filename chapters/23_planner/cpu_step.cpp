#include "chapters/23_planner/cpu_step.h"

#include <algorithm>

#include "chapters/18_pipeline/replay.h"
#include "chapters/19_interleaved_pipeline/named_schedule.h"
#include "chapters/23_planner/cpu_after_passes.h"
#include "chapters/23_planner/cpu_passes.h"
#include "chapters/23_planner/rank_work.h"

namespace shard::chapter_23 {
namespace {

using enum Operation;

constexpr int64_t value = 4;  // bytes: f32

double real(int64_t number) { return static_cast<double>(number); }

/// A rank of each stage, with its chunks.
struct Stage {
  std::vector<GptStage> parts;
  std::vector<CpuPasses> passes;
  StepTime micro_batch() const {
    StepTime sum;
    for (const CpuPasses& part : passes) sum += part.forward.seconds + part.backward();
    return sum;
  }
};

std::vector<Stage> stages_of(const ModelShape& model, const Layout& layout,
                             const OperationCosts& costs) {
  const std::vector<GptStage> parts = parts_of_model(model, layout);
  std::vector<Stage> stages(static_cast<size_t>(layout.pp));
  for (size_t i = 0; i < parts.size(); ++i) {
    Stage& stage = stages[i % stages.size()];
    stage.parts.push_back(parts[i]);
    stage.passes.push_back(passes_of(model, layout, parts[i], costs));
  }
  return stages;
}

double seconds_of(const Step& step, const Stage& stage) {
  const CpuPasses& passes = stage.passes[static_cast<size_t>(step.chunk)];
  switch (step.pass) {
    case Pass::forward: return passes.forward.seconds.total();
    case Pass::input_gradient: return passes.input_gradients.seconds.total();
    case Pass::weight_gradient: return passes.weight_gradients.seconds.total();
    default: return passes.backward().total();
  }
}

}  // namespace

StepTime cpu_step_time(const ModelShape& model, const Layout& layout, int64_t batch,
                       const OperationCosts& costs) {
  require_usage(model.experts == 0, "the time of experts on a CPU is not measured");
  const int64_t m = layout.micro_batches(batch);
  const std::vector<Stage> stages = stages_of(model, layout, costs);
  const auto busiest = std::ranges::max_element(stages, {}, [&](const Stage& stage) {
    return stage.micro_batch().total();
  });
  StepTime step = real(m) * busiest->micro_batch();
  if (layout.pp > 1) {
    const int64_t rows = layout.micro_batch * model.context / layout.cp;
    const Schedule schedule = named_schedule(layout.schedule, static_cast<int>(layout.pp), m,
                                             static_cast<int>(layout.chunks));
    StepCosts times{.of_step = [&](int stage, const shard::Step& each) {
      return seconds_of(each, stages[static_cast<size_t>(stage)]);
    }};
    const double computing = replay(schedule, times).total();
    times.transfer = costs.seconds(pass_work(message, rows * model.width * value));
    step.bubble = computing - step.total();
    step.pp = replay(schedule, times).total() - computing;
    const int64_t table = (model.vocabulary + layout.tp - 1) / layout.tp * model.width;
    step.pp += costs.seconds(pass_work(all_reduce, table * value));  // on two stages
  }
  StepTime after;
  for (const Stage& stage : stages) {
    const StepTime of_stage = after_passes(model, layout, m, stage.parts, costs);
    if (of_stage.total() > after.total()) after = of_stage;
  }
  return step + after;
}

}  // namespace shard::chapter_23
