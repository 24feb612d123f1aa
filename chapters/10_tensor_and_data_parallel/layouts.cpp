#include "chapters/10_tensor_and_data_parallel/layouts.h"

#include <cmath>

#include "chapters/10_tensor_and_data_parallel/picture.h"
#include "common/base/counted.h"
#include "common/check/reference.h"

namespace shard::chapter_10 {

std::vector<Layout> layouts_of(int ranks, int64_t heads, const TrainingSettings& settings) {
  std::vector<Layout> layouts;
  for (int used = 1; used <= ranks; ++used) {
    for (int tp = used; tp >= 1; --tp) {
      const int dp = used / tp;
      if (used % tp == 0 && heads % tp == 0 && settings.batch >= dp * settings.accumulate)
        layouts.push_back({tp, dp});
    }
  }
  return layouts;
}

/// Losses and gradient norms of the steps, one after the other; empty on ranks that the layout does
/// not use.
static std::vector<double> losses_of(Runtime& runtime, Layout layout, const GptSizes& sizes,
                                     const TextData& data, const TrainingSettings& settings) {
  Communicator& world = runtime.world();
  const int used = layout.tp * layout.dp;
  const auto ranks = world.split(world.rank() < used ? 0 : 1, "layout");
  if (world.rank() >= used) return {};
  Grid grid(*ranks, {{"tp", layout.tp}, {"dp", layout.dp}});
  Gpt model(grid.tp(), sizes, {settings.seed, 0.02f, 0.0f});
  Trainer trainer(grid, model, settings);
  std::vector<double> numbers;
  for (int64_t step = 0; step < settings.steps; ++step) {
    const Trainer::Step result = trainer.step(step, [&](Range range) {
      return training_batch(runtime.backend(), data, settings.seed, step, range);
    });
    numbers.push_back(result.loss);
    numbers.push_back(result.gradient_norm);
  }
  return numbers;
}

void compare_layouts(Runtime& runtime, Report& report, const GptSizes& sizes, const TextData& data,
                     const TrainingSettings& settings) {
  report.heading(text("The same ", settings.steps, " steps on every grid of at most ",
                      counted(runtime.world().size(), "rank")));
  std::vector<std::string> heading{"tp × dp"};
  for (int64_t step = 1; step <= settings.steps; ++step) heading.push_back(text("loss ", step));
  heading.push_back("largest difference");
  Table table(heading);
  const std::vector<double> expected =
      losses_of(runtime, {1, 1}, sizes, data, settings);  // on rank 0, which compares
  constexpr double tolerance = 1e-4;
  double worst = 0;
  std::vector<LayoutLosses> all;
  for (const Layout layout : layouts_of(runtime.world().size(), sizes.heads, settings)) {
    const std::vector<double> numbers = losses_of(runtime, layout, sizes, data, settings);
    std::vector<std::string> row{text(layout.tp, " × ", layout.dp)};
    double difference = 0;
    LayoutLosses& of_layout = all.emplace_back(LayoutLosses{layout, {}});
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (i % 2 == 0) {
        row.push_back(fixed(numbers[i], 6));
        of_layout.losses.push_back(numbers[i]);
      }
      if (!expected.empty())
        difference =
            reference::larger(difference, reference::relative_error(numbers[i], expected[i]));
    }
    difference = runtime.world().max_of(difference);
    worst = reference::larger(worst, difference);
    row.push_back(scientific(difference));
    table.row(row);
  }
  report.table(table);
  report.check("losses and gradient norms are those of 1 × 1 in every layout", worst, tolerance);
  if (!runtime.options().picture.empty() && runtime.world().rank() == 0)
    draw_layouts(report, all, tolerance);
}

}  // namespace shard::chapter_10
