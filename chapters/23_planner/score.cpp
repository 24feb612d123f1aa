#include "chapters/23_planner/score.h"

#include <algorithm>
#include <cmath>

#include "chapters/23_planner/all_reduce_curve.h"

namespace shard::chapter_23 {

Score score_of(const Errors& errors) {
  Score score;
  for (const double error : errors) {
    const double percent = 100 * std::abs(error);
    ++score.rows;
    score.mean += percent;
    score.worst = std::max(score.worst, percent);
  }
  if (score.rows > 0) score.mean /= static_cast<double>(score.rows);
  return score;
}

const std::vector<Goal>& goals() {
  static const std::vector<Goal> all{
      {"2205.05198 table 5", {"2205.05198 table 5"}, 2, 4, "3.65, 8.87", ""},
      {"2205.05198 table 4", {"2205.05198 table 4"}, 1.5, 3, "", ""},
      {"SC21 table 1", {"SC21 table 1"}, 2.5, 6, "", ""},
      {"SC21 table 2 PTD", {"SC21 table 2 PTD"}, 3, 5, "", ""},
      {"SC21 table 2 ZeRO-3", {"SC21 table 2 ZeRO-3"}, 7, 15, "", ""},
      {"README 2020", {"README 2020 V100", "README 2020 A100"}, 3, 6, "", ""},
      {"2019 strong scaling", {"2019 strong scaling"}, 2.5, 0, "", ""},
      {"2019 weak scaling", {"2019 weak scaling"}, 3, 0, "", ""},
      {"Megatron-Core H100", {"Megatron-Core H100"}, 4, 0, "", ""},
      {"2019 with data parallelism", {"2019 with data parallelism"}, 0, 0, "", ""},
      {"2205.05198 section 6.3", {"2205.05198 section 6.3"}, 0, 0, "", ""}};
  return all;
}

const std::vector<Goal>& goals_left_out() {
  static const std::vector<Goal> all{
      {"2205.05198 table 5 left out",
       {"2205.05198 table 5"},
       3,
       7,
       "",
       "large models ran slower in 2021 than in 2022; without table 5 the fit follows 2021"},
      {"2205.05198 table 4 left out", {"2205.05198 table 4"}, 3, 7, "", ""},
      {"SC21 table 1 left out", {"SC21 table 1"}, 3, 7, "", ""},
      {"README 2020 A100 left out", {"README 2020 A100"}, 3, 7, "", ""}};
  return all;
}

const Goal& goal_of_curve() {
  static const Goal goal{"all-reduce of 8 H200", {}, 3, 7, "", ""};
  return goal;
}

bool is_reached(const Goal& goal, const Score& score) {
  return (goal.mean == 0 || score.mean <= goal.mean) &&
         (goal.worst == 0 || score.worst <= goal.worst);
}

static bool is_of(const Goal& goal, const PublishedStep& step) {
  return std::ranges::find(goal.tables, step.table) != goal.tables.end();
}

Errors errors_of(const Goal& goal, const std::vector<PublishedStep>& steps,
                 const Clusters& clusters, bool only_others) {
  Errors errors;
  for (const PublishedStep& step : steps) {
    if (is_of(goal, step) && !(only_others && step.fitted))
      errors.push_back(error_of(step, clusters.at(step.cluster)));
  }
  return errors;
}

Errors errors_left_out(const Goal& goal, std::vector<PublishedStep> steps, Clusters clusters) {
  for (PublishedStep& step : steps)
    if (is_of(goal, step)) step.fitted = false;
  return errors_of(goal, steps, fit(steps, std::move(clusters), "A100"));
}

Errors errors_of_curve(bool only_others) {
  constexpr double ranks = 8;
  const std::vector<MeasuredAllReduce> measured = measured_all_reduces();
  const AllReduceCurve curve = fit(measured, ranks);
  Errors errors;
  for (const MeasuredAllReduce& one : measured) {
    if (!(only_others && one.fitted))
      errors.push_back(curve.seconds(one.bytes, ranks) / one.seconds - 1);
  }
  return errors;
}

const std::vector<Assumption>& assumptions() {
  static const std::vector<Assumption> all{{1, 0}, {1, 2}, {1, 1}, {2, 0}, {2, 2},
                                           {2, 1}, {4, 0}, {4, 2}, {4, 1}};
  return all;
}

Errors Variant::errors() const {
  Errors errors;
  for (const PublishedStep& step : steps) errors.push_back(error_of(step, cluster));
  return errors;
}

Variant variant_of(const Assumption& assumption, const std::vector<PublishedStep>& steps,
                   const Clusters& clusters) {
  Variant variant;
  for (PublishedStep step : steps) {
    if (step.cluster != "h100") continue;
    Layout& layout = step.layout;
    if (layout.pp == 1) {
      layout.micro_batch = assumption.micro_batch;
    } else {
      const int64_t of_stage = step.model.layers / layout.pp, each = assumption.layers_of_chunk;
      layout.chunks = each == 0 ? 1 : of_stage % each == 0 ? of_stage / each : of_stage;
      layout.schedule = layout.chunks > 1 ? "interleaved" : "1f1b";
    }
    variant.steps.push_back(step);
  }
  variant.cluster = fit(variant.steps, clusters, "H100").at("h100");
  return variant;
}

}  // namespace shard::chapter_23
