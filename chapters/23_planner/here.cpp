#include "chapters/23_planner/here.h"

#include <algorithm>

#include "chapters/13_sequence_parallel/batches.h"
#include "chapters/22_the_whole_grid/grid_recipe.h"
#include "chapters/23_planner/step_time.h"
#include "common/base/clock.h"
#include "common/base/counted.h"

namespace shard::chapter_23 {
namespace {

/// Chapter 22's training of a model in a layout.
class Training {
 public:
  Training(Runtime& runtime, const HereModel& model, const Layout& layout)
      : sizes_{.vocabulary = model.shape.vocabulary,
               .context = model.shape.context,
               .width = model.shape.width,
               .heads = model.shape.heads,
               .layers = model.shape.layers} {
    settings_.batch = model.batch;
    settings_.accumulate = layout.micro_batches(model.batch);
    settings_.seed = runtime.options().seed;
    const chapter_22::Switches switches{.sequence_parallel = layout.sequence_parallel,
                                        .recompute = layout.recompute,
                                        .shard_optimizer = layout.shard_optimizer,
                                        .cp = layout.cp,
                                        .pp = layout.pp,
                                        .schedule = layout.schedule,
                                        .chunks = layout.chunks};
    const Recipe recipe = chapter_22::recipe_of(switches, settings_);
    grid_ = recipe.grid(runtime.world(), static_cast<int>(layout.tp), static_cast<int>(layout.dp));
    model_ = recipe.model(*grid_, sizes_, {settings_.seed, 0.02f, 0.0f});
    trainer_.emplace(grid_->data(), recipe.parts(*grid_, *model_, settings_), settings_);
  }

  void step(Backend& backend) {
    trainer_->step(step_, [&](Range range) {
      return chapter_13::random_batch(backend, sizes_, settings_.seed, step_, range);
    });
    ++step_;
  }

 private:
  GptSizes sizes_;
  TrainingSettings settings_;
  std::unique_ptr<Grid> grid_;
  std::unique_ptr<LanguageModel> model_;
  std::optional<Trainer> trainer_;
  int64_t step_ = 0;
};

/// Seconds of each training's steps, on the slowest rank.
std::vector<std::vector<double>> measured_steps(
    Runtime& runtime, const std::vector<std::unique_ptr<Training>>& trainings, int64_t rounds) {
  constexpr int64_t warm_up = 2;  // what is allocated or connected only once
  std::vector<std::vector<double>> seconds(trainings.size());
  for (int64_t round = 0; round < warm_up + rounds; ++round) {
    for (size_t i = 0; i < trainings.size(); ++i) {
      runtime.world().barrier();
      const double start = now();
      trainings[i]->step(runtime.backend());
      const double slowest = runtime.world().max_of(now() - start);
      if (round >= warm_up) seconds[i].push_back(slowest);
    }
  }
  return seconds;
}

std::vector<Outcome> outcomes_of(Runtime& runtime, const HereModel& model, const Cluster& cluster,
                                 int64_t rounds) {
  std::vector<Outcome> outcomes;
  std::vector<std::unique_ptr<Training>> trainings;
  for (const Layout& layout : layouts_here(runtime.world().size())) {
    if (!problem_of(layout, model.shape, model.batch).empty()) continue;
    outcomes.push_back(
        {.model = model.shape.name,
         .layout = layout,
         .predicted = step_time(model.shape, layout, model.batch, cluster, software_named("shard"))
                          .total()});
    trainings.push_back(std::make_unique<Training>(runtime, model, layout));
  }
  const auto seconds = measured_steps(runtime, trainings, rounds);
  for (size_t i = 0; i < outcomes.size(); ++i) {
    outcomes[i].measured = quantile(seconds[i], 0.5);
    outcomes[i].spread =
        (quantile(seconds[i], 0.75) - quantile(seconds[i], 0.25)) / outcomes[i].measured;
  }
  return outcomes;
}

void show(Report& report, const HereModel& model, const std::vector<Outcome>& outcomes) {
  report.heading(text("A step of ", counted(model.shape.layers, "layer"), " of width ",
                      model.shape.width, ", ", model.batch, " sequences of ", model.shape.context));
  Table table({"layout", "predicted", "measured", "error", "quartiles apart"});
  for (const Outcome& each : outcomes)
    table.row({to_string(each.layout), seconds_text(each.predicted), seconds_text(each.measured),
               fixed(100 * each.error(), 1) + " %", fixed(100 * each.spread, 1) + " %"});
  report.table(table);
}

void conclude(Report& report, const std::vector<Outcome>& outcomes) {
  constexpr double quiet = 0.2;
  const HereScore score = score_of(outcomes);
  std::vector<double> predicted, measured;
  double spread = 0;
  for (const Outcome& each : outcomes) {
    predicted.push_back(each.predicted);
    measured.push_back(each.measured);
    spread = std::max(spread, each.spread);
  }
  report.heading("Checks");
  if (spread > quiet)
    report.line(text("  The machine was busy: equal steps differed by up to ",
                     fixed(100 * spread, 0), " % between their quartiles. Measure again."));
  report.check("median error of the predictions", score.median_error, 0.10);
  report.check("worst error", score.worst_error, 0.25);
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
}

}  // namespace

std::vector<HereModel> models_here() {
  const auto model = [](int64_t layers, int64_t width, int64_t heads, int64_t batch) {
    return HereModel{{.name = text(layers, " × ", width),
                      .layers = layers,
                      .width = width,
                      .heads = heads,
                      .context = 128,
                      .vocabulary = 2048},
                     batch};
  };
  return {model(4, 256, 4, 8), model(6, 384, 6, 4), model(4, 512, 8, 4)};
}

std::vector<Layout> layouts_here(int64_t ranks) {
  std::vector<Layout> all;
  if (ranks == 1) {
    for (const Recompute recompute : {Recompute::none, Recompute::full})
      for (const int64_t micro_batch : {1, 2, 4})
        all.push_back({.micro_batch = micro_batch, .recompute = recompute});
    return all;
  }
  const Layout tp{.tp = ranks, .micro_batch = 4}, dp{.dp = ranks, .micro_batch = 1},
      pp{.pp = ranks};
  const auto with = [&](Layout layout, const auto& change) {
    change(layout);
    all.push_back(layout);
  };
  all = {tp, {.cp = ranks, .micro_batch = 4}, dp, pp};
  with(tp, [](Layout& l) { l.sequence_parallel = true; });
  with(tp, [](Layout& l) { l.sequence_parallel = true, l.recompute = Recompute::full; });
  with(dp, [](Layout& l) { l.shard_optimizer = 1, l.micro_batch = 2; });
  with(dp, [](Layout& l) { l.shard_optimizer = 2; });
  with(dp, [](Layout& l) { l.shard_optimizer = 3; });
  with(pp, [](Layout& l) { l.schedule = "interleaved", l.chunks = 2; });
  return all;
}

void check_here(Runtime& runtime, Report& report, const Cluster& cluster, int64_t rounds) {
  require_usage(runtime.backend().host_transfer() == nullptr,
                "--check-here measures CPUs: add --device cpu");
  require_usage(!cluster.operations.empty(), "--check-here needs a cluster file that --calibrate ",
                "has written: ", cluster.name, " has no operations");
  require_usage(cluster.node == runtime.world().size(), "--check-here: ", cluster.name,
                " was measured on ", counted(cluster.node, "rank"), ", and these are ",
                runtime.world().size());
  std::vector<Outcome> all;
  for (const HereModel& model : models_here()) {
    const std::vector<Outcome> outcomes = outcomes_of(runtime, model, cluster, rounds);
    show(report, model, outcomes);
    all.insert(all.end(), outcomes.begin(), outcomes.end());
  }
  conclude(report, all);
}

}  // namespace shard::chapter_23
