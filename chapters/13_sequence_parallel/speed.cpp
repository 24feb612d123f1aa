#include "chapters/13_sequence_parallel/speed.h"

#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "chapters/13_sequence_parallel/batches.h"
#include "chapters/13_sequence_parallel/sequence_parallel.h"
#include "common/check/timing.h"

namespace shard::chapter_13 {

MeasuredModel model_named(const std::string& name, const std::vector<MeasuredModel>& models) {
  std::string names;
  for (size_t i = 0; i < models.size(); ++i) {
    if (models[i].name == name) return models[i];
    names += (i == 0 ? "" : i + 1 == models.size() ? " or " : ", ") + models[i].name;
  }
  throw UsageError(text("--measure must be ", names, ", not ", name));
}

MeasuredModel measured_model(const std::string& name) {
  return model_named(name, {{"none", {}, 0},
                            {"small", {65, 64, 128, 4, 4}, 12},
                            {"large", {65, 256, 384, 6, 6}, 8}});
}

void compare_speed(Runtime& runtime, Report& report, const MeasuredModel& model, int64_t repeat) {
  const GptSizes& sizes = model.sizes;
  report.heading(text("A training step: ", sizes.layers, " layers of width ", sizes.width, ", ",
                      model.batch, " sequences of ", sizes.context));
  const int ranks = runtime.world().size();
  if (sizes.heads % ranks != 0)
    return report.line(
        text("  not timed: ", sizes.heads, " heads cannot be divided among ", ranks, " ranks"));
  Grid grid(runtime.world(), {{"tp", ranks}});
  TrainingSettings settings;
  settings.batch = model.batch, settings.dropout = 0.1, settings.seed = runtime.options().seed;
  const Init init{settings.seed, 0.02f, 0.0f};
  Gpt replicated(grid.tp(), sizes, init);
  SequenceParallelGpt again(grid.tp(), sizes, init, Gathered::again),
      kept(grid.tp(), sizes, init, Gathered::kept);
  Trainer trainers[] = {
      {grid, replicated, settings}, {grid, again, settings}, {grid, kept, settings}};
  std::vector<std::function<void()>> steps;
  for (Trainer& trainer : trainers) {
    steps.emplace_back([&, step = int64_t{0}]() mutable {
      trainer.step(step, [&](Range range) {
        return random_batch(runtime.backend(), sizes, settings.seed, step, range);
      });
      ++step;
    });
  }
  const std::vector<Timing> times = time_in_turns(runtime, steps, repeat);
  Table table({"", "time", "of it in collectives", "of tensor parallel"});
  const char* names[] = {"tensor parallel", "sequence parallel, gathered again",
                         "sequence parallel, gathered input kept"};
  for (size_t i = 0; i < times.size(); ++i) {
    const double ratio = times[i].seconds / times[0].seconds;
    table.row({names[i], seconds_text(times[i].seconds), seconds_text(times[i].communication),
               fixed(100 * ratio, 1) + " %"});
  }
  report.table(table);
  report.result("step_seconds", {times[0].seconds, times[1].seconds, times[2].seconds});
}

}  // namespace shard::chapter_13
