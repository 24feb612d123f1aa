#include "chapters/20_context_parallel/speed.h"

#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "chapters/13_sequence_parallel/batches.h"
#include "chapters/20_context_parallel/context_parallel_gpt.h"
#include "chapters/20_context_parallel/trial.h"
#include "common/check/timing.h"

namespace shard::chapter_20 {

MeasuredModel measured_model(const std::string& name) {
  return chapter_13::model_named(name, {{"none", {}, 0},
                                        {"small", {65, 256, 128, 4, 4}, 3},
                                        {"long", {65, 1024, 384, 6, 6}, 2}});
}

void compare_speed(Runtime& runtime, Report& report, const MeasuredModel& model, int64_t repeat) {
  const GptSizes& sizes = model.sizes;
  report.heading(text("A training step: ", sizes.layers, " layers of width ", sizes.width, ", ",
                      model.batch, " sequences of ", sizes.context));
  const int ranks = runtime.world().size();
  if (sizes.heads % ranks != 0)
    return report.line(
        text("  not timed: ", sizes.heads, " heads cannot be divided among ", ranks, " ranks"));
  Grid tensor(runtime.world(), {{"tp", ranks}}), cut(runtime.world(), {{"cp", ranks}});
  TrainingSettings settings;
  settings.batch = model.batch, settings.seed = runtime.options().seed;
  const Init init{settings.seed, 0.02f, 0.0f};
  std::vector<std::string> names{"tensor parallel"};
  std::vector<std::unique_ptr<LanguageModel>> models;
  models.push_back(std::make_unique<Gpt>(tensor.tp(), sizes, init));
  for (const Way& way : ways_of(cut.group({"cp"}))) {
    names.push_back(name_of(*way));
    models.push_back(std::make_unique<ContextParallelGpt>(cut.tp(), way, sizes, init));
  }
  std::vector<std::unique_ptr<Trainer>> trainers;
  std::vector<std::function<void()>> steps;
  for (const auto& each : models) {
    Grid& grid = trainers.empty() ? tensor : cut;
    trainers.push_back(std::make_unique<Trainer>(grid, *each, settings));
    steps.emplace_back([&, trainer = trainers.back().get(), step = int64_t{0}]() mutable {
      trainer->step(step, [&](Range range) {
        return chapter_13::random_batch(runtime.backend(), sizes, settings.seed, step, range);
      });
      ++step;
    });
  }
  const std::vector<Timing> times = time_in_turns(runtime, steps, repeat);
  Table table({"", "time", "of it in collectives", "of tensor parallel"});
  std::vector<double> seconds;
  for (size_t i = 0; i < times.size(); ++i) {
    seconds.push_back(times[i].seconds);
    table.row({names[i], seconds_text(times[i].seconds), seconds_text(times[i].communication),
               fixed(100 * times[i].seconds / times[0].seconds, 1) + " %"});
  }
  report.table(table);
  report.result("step_seconds", seconds);
  report.result("zigzag_of_tensor_parallel", times[2].seconds / times[0].seconds);
}

}  // namespace shard::chapter_20
