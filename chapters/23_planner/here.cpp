#include "chapters/23_planner/here.h"

#include <algorithm>

#include "chapters/23_planner/calibration.h"
#include "chapters/23_planner/step_time.h"
#include "common/base/counted.h"

namespace shard::chapter_23 {
namespace {

std::vector<Outcome> outcomes_of(Runtime& runtime, const HereModel& model, const Cluster& cluster,
                                 int64_t rounds) {
  std::vector<Layout> layouts = layouts_here(runtime.world().size());
  std::erase_if(layouts, [&](const Layout& layout) {
    return !problem_of(layout, model.shape, model.batch).empty();
  });
  const auto seconds = measured_steps(runtime, model, layouts, rounds);
  std::vector<Outcome> outcomes;
  for (size_t i = 0; i < layouts.size(); ++i) {
    const StepTime predicted =
        step_time(model.shape, layouts[i], model.batch, cluster, software_named("shard"));
    const double median = quantile(seconds[i], 0.5);
    outcomes.push_back(
        {.model = model.shape.name,
         .layout = layouts[i],
         .predicted = predicted.total(),
         .measured = median,
         .spread = (quantile(seconds[i], 0.75) - quantile(seconds[i], 0.25)) / median});
  }
  return outcomes;
}

/// How long operations take now, of what they took when the cluster file was made: some of each
/// kind.
double slowdown(Runtime& runtime, const OperationCosts& costs) {
  constexpr size_t every = 23;
  constexpr int64_t rounds = 5;
  constexpr double least = 1e-3;  // seconds
  std::vector<MeasuredCall> calls = measured_calls(runtime), some;
  for (size_t i = 0; i < calls.size(); i += every) some.push_back(std::move(calls[i]));
  std::vector<double> ratios;
  for (const Sample& sample : measure(runtime, some, rounds, least))
    ratios.push_back(sample.seconds / costs.seconds(work_of(sample)));
  return quantile(ratios, 0.5);
}

void show(Report& report, const HereModel& model, const std::vector<Outcome>& outcomes) {
  report.heading(text("A step of ", counted(model.shape.layers, "layer"), " of width ",
                      model.shape.width, ", ", model.batch, " sequences of ", model.shape.context));
  Table table({"layout", "predicted", "measured", "error", "quartiles apart"});
  for (const Outcome& each : outcomes) {
    table.row({to_string(each.layout), seconds_text(each.predicted), seconds_text(each.measured),
               fixed(100 * each.error(), 1) + " %", fixed(100 * each.spread, 1) + " %"});
  }
  report.table(table);
}

/// Where the measurements say little of the planner.
void warn(Report& report, double spread, const std::vector<double>& slowdowns) {
  constexpr double quiet = 0.2, as_calibrated = 0.1;
  const auto [least, most] = std::ranges::minmax(slowdowns);
  report.line(text("  Some operations, measured again, took ", fixed(least, 2), " to ",
                   fixed(most, 2), " times what the cluster file says."));
  if (std::max(most - 1, 1 - least) > as_calibrated) {
    report.line(
        "  The machine does not have the speed that it had then: calibrate and measure again.");
  }
  if (spread > quiet) {
    report.line(text("  The machine was busy: equal steps differed by up to ",
                     fixed(100 * spread, 0), " % between their quartiles. Measure again."));
  }
}

void conclude(Report& report, const std::vector<Outcome>& outcomes,
              const std::vector<double>& slowdowns) {
  const HereScore score = score_of(outcomes);
  std::vector<double> predicted, measured;
  double spread = 0;
  for (const Outcome& each : outcomes) {
    predicted.push_back(each.predicted);
    measured.push_back(each.measured);
    spread = std::max(spread, each.spread);
  }
  report.heading("Checks");
  warn(report, spread, slowdowns);
  report.check("median error of the predictions", score.median_error, 0.10);
  report.check("worst error", score.worst_error, 0.25);
  report.check("some layouts differ by over 15 %", score.pairs > 0);
  report.check(text("order of the ", counted(score.pairs, "pair"),
                    " of layouts over 15 % apart: ", score.in_order, " right"),
               1 - score.share_in_order(), 0.2);
  report.result("predicted_seconds", predicted);
  report.result("measured_seconds", measured);
  report.result("median_error", score.median_error);
  report.result("worst_error", score.worst_error);
  report.result("pairs", static_cast<double>(score.pairs));
  report.result("pairs_in_order", static_cast<double>(score.in_order));
  report.result("largest_spread", spread);
  report.result("slowdowns", slowdowns);
}

}  // namespace

void check_here(Runtime& runtime, Report& report, const Cluster& cluster, int64_t rounds) {
  require_usage(runtime.backend().host_transfer() == nullptr,
                "--check-here measures CPUs: add --device cpu");
  require_usage(!cluster.operations.empty(), "--check-here needs a cluster file that --calibrate ",
                "has written: ", cluster.name, " has no operations");
  require_usage(cluster.node == runtime.world().size(), "--check-here: ", cluster.name,
                " was measured on ", counted(cluster.node, "rank"), ", and these are ",
                runtime.world().size());
  std::vector<Outcome> all;
  std::vector<double> slowdowns{slowdown(runtime, cluster.operations)};
  for (const HereModel& model : models_here()) {
    const std::vector<Outcome> outcomes = outcomes_of(runtime, model, cluster, rounds);
    show(report, model, outcomes);
    all.insert(all.end(), outcomes.begin(), outcomes.end());
    slowdowns.push_back(slowdown(runtime, cluster.operations));
  }
  conclude(report, all, slowdowns);
}

}  // namespace shard::chapter_23
