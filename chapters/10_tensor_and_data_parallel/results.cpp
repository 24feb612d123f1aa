#include "chapters/10_tensor_and_data_parallel/results.h"

#include <algorithm>
#include <cmath>

#include "chapters/10_tensor_and_data_parallel/loss_curve.h"

namespace shard::chapter_10 {
namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

std::vector<double> column(const Metrics& metrics, double StepMetrics::*of_step) {
  std::vector<double> values;
  for (const StepMetrics& row : metrics) values.push_back(row.*of_step);
  return values;
}

void draw_curve(Runtime& runtime, Report& report, const Settings& s, const Metrics& all) {
  const LossCurve curve(all);
  report.line(curve.drawn());
  if (runtime.world().rank() == 0)
    curve.write_svg(s.curve, text("Training loss, tp ", s.tp, " × dp ", s.dp));
  report.line(text("  the curve as a picture: ", s.curve));
}

/// Whether the loss must have fallen by now: not before the warm-up is over, nor where it has been
/// 0 from the start, nor by a model that was trained before.
bool is_due(const TrainingSettings& settings, const std::vector<double>& losses, bool from_start) {
  constexpr int64_t enough = 20;
  return from_start && std::ssize(losses) >= std::max(enough, settings.warmup + 1) &&
         settings.learning_rate > 0 && losses.front() > 0;
}

}  // namespace

void report_results(Runtime& runtime, Report& report, const Settings& s,
                    const TrainingResults& run) {
  draw_curve(runtime, report, s, run.metrics);
  const auto first = std::ranges::upper_bound(run.metrics, run.first_step, {}, &StepMetrics::step);
  const Metrics mine(first, run.metrics.end());
  const std::vector<double> losses = column(mine, &StepMetrics::loss);
  const double rate = median(column(mine, &StepMetrics::tokens_per_second));
  const double milliseconds = 1e3 * static_cast<double>(s.training.batch * s.sizes.context) / rate;
  const double memory = runtime.world().max_of(static_cast<double>(peak_resident_bytes()));
  const double validation = mine.back().validation_loss;
  report.line(text("\n  loss ", fixed(losses.front(), 4), " → ", fixed(losses.back(), 4),
                   std::isnan(validation) ? "" : ", validation " + fixed(validation, 4), "; ",
                   fixed(milliseconds), " ms a step (median), ", fixed(rate, 0), " tokens/s; ",
                   bytes_text(memory), " resident"));
  report.result("milliseconds_per_step", milliseconds);
  report.result("tokens_per_second", rate);
  report.result("steps_before", static_cast<double>(run.first_step));
  report.result("first_loss", losses.front());
  report.result("last_loss", losses.back());
  report.result("losses", losses);
  report.result("gradient_norms", column(mine, &StepMetrics::gradient_norm));
  if (!std::isnan(validation)) report.result("validation_loss", validation);
  report.result("peak_resident_bytes", memory);
  report.result("allocations_after_step_10", static_cast<double>(run.new_allocations));
  if (losses.size() > 10 && run.memory_settles)
    report.check("no memory was allocated after step 10", run.new_allocations == 0);
  if (is_due(s.training, losses, run.first_step == 0 && s.new_model)) {
    report.check("the loss fell", median({losses.end() - 10, losses.end()}) < losses.front());
  }
}

}  // namespace shard::chapter_10
