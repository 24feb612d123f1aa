#include "chapters/23_planner/check_published.h"

#include <cmath>

#include "chapters/23_planner/published_picture.h"
#include "chapters/23_planner/score.h"
#include "chapters/23_planner/show_steps.h"
#include "common/base/error.h"
#include "common/check/reference.h"

namespace shard::chapter_23 {

namespace {

std::string numbers(double mean, double worst) {
  const auto one = [](double value) { return value == 0 ? "-" : fixed(value, 1); };
  return one(mean) + ", " + one(worst);
}

using Scored = std::pair<const Goal*, Score>;

void show(Report& report, const std::vector<Scored>& scores, const std::vector<Score>& others) {
  const bool splits = !others.empty();
  std::vector<std::string> heading{"", "rows", "mean, worst", "goal"};
  if (splits) heading.insert(heading.end(), {"not fitted", "mean, worst", "Calculon"});
  Table table(heading);
  for (size_t i = 0; i < scores.size(); ++i) {
    const auto& [goal, score] = scores[i];
    std::vector<std::string> cells{goal->name, text(score.rows), numbers(score.mean, score.worst),
                                   goal->mean == 0 ? "" : numbers(goal->mean, goal->worst)};
    if (splits) {
      cells.insert(cells.end(),
                   {text(others[i].rows),
                    others[i].rows == 0 ? "" : numbers(others[i].mean, others[i].worst),
                    goal->calculon});
    }
    table.row(cells);
    report.result(goal->name, {score.mean, score.worst});
  }
  report.table(table);
}

void check(Report& report, const std::vector<Scored>& scores) {
  for (const auto& [goal, score] : scores) {
    if (goal->mean == 0) continue;
    const std::string found =
        text(goal->name, ": ", fixed(score.mean), " %, at worst ", fixed(score.worst), " %");
    if (goal->miss.empty() || is_reached(*goal, score)) {
      report.check(found, is_reached(*goal, score));
    } else {
      report.line("  MISSED " + found);
      report.line("         " + goal->miss);
    }
  }
}

void check_goals(Report& report, const std::vector<PublishedStep>& steps,
                 const Clusters& clusters) {
  report.heading("How far off the times are, percent: mean, worst");
  std::vector<Scored> scores;
  std::vector<Score> others;  // of the rows that were not fitted
  for (const Goal& goal : goals()) {
    scores.emplace_back(&goal, score_of(errors_of(goal, steps, clusters)));
    others.push_back(score_of(errors_of(goal, steps, clusters, true)));
  }
  scores.emplace_back(&goal_of_curve(), score_of(errors_of_curve()));
  others.push_back(score_of(errors_of_curve(true)));
  show(report, scores, others);
  check(report, scores);

  report.heading("Of a table that is left out of the fit as a whole");
  std::vector<Scored> left_out;
  for (const Goal& goal : goals_left_out())
    left_out.emplace_back(&goal, score_of(errors_left_out(goal, steps, clusters)));
  show(report, left_out, {});
  check(report, left_out);
}

/// How far a fitted constant of clusters/ is from the fit's, at most.
double distance(const Clusters& read, const Clusters& fitted) {
  double most = 0;
  for (const Family& family : families()) {
    for (const Constant& constant : family.fitted) {
      for (const std::string& name : constant.clusters) {
        if (read.contains(name)) {
          most = reference::larger(
              most,
              std::abs((read.at(name).*constant.value) / (fitted.at(name).*constant.value) - 1));
        }
      }
    }
  }
  return most;
}

}  // namespace

void check_published_steps(Report& report, bool draws) {
  const std::vector<PublishedStep> steps = published_steps();
  const Clusters clusters = clusters_of(steps);
  show_steps(report, steps, clusters);
  show_range(report, steps, clusters);
  show_curve(report);
  show_software(report, steps);
  show_constants(report, clusters);
  report.check("the constants of clusters/ are what the fit finds",
               distance(clusters, fit(steps, clusters)), 1e-6);
  check_goals(report, steps, clusters);
  if (draws) draw_errors(report, steps, clusters);
}

}  // namespace shard::chapter_23
