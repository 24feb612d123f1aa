// Chapter 23: the planner. What a layout will cost in memory and time, and which layout is the
// best, before anything is run; then how far off such predictions were.
#include "chapters/23_planner/calibration.h"
#include "chapters/23_planner/check_published.h"
#include "chapters/23_planner/explain.h"
#include "chapters/23_planner/here.h"
#include "chapters/23_planner/plan_picture.h"
#include "chapters/23_planner/published_memory.h"
#include "chapters/23_planner/settings.h"

using namespace shard;
using namespace shard::chapter_23;

/// The best layouts of the job, and the fastest of them explained.
void plan(Report& report, const Settings& settings, const Job& job, bool draws) {
  const SearchResult found = search(job);
  require_found(found, job);
  list(report, job, found, settings.best);
  bool all_fit = true;
  for (const Candidate& one : found.best) {
    all_fit &= one.layout.ranks() == job.gpus &&
               problem_of(one.layout, job.model, job.batch).empty() &&
               one.memory.total() <= job.cluster.memory;
  }
  report.check("all of these layouts use all GPUs, can be, and fit", all_fit);
  if (draws) draw_plan(report, job, found.best, settings.best);
  explain(report, job, found.best.front());
}

int main(int argc, char** argv) {
  Settings settings;
  Options options("23_planner", "predicts memory and time of layouts, and finds the best");
  add_options(options, settings);
  options.offer_picture(
      "memory and time of the best layouts, and the step over tp × pp; with --check, all errors");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    require_consistent(settings, options);
    if (!settings.calibrate.empty()) return calibrate(runtime, report, settings.calibrate);
    if (settings.check_here) {
      const Cluster here = cluster_from(file_of_cluster(settings.cluster));
      return check_here(runtime, report, here, settings.rounds);
    }
    if (settings.check) {
      check_published_memory(report);
      return check_published_steps(report, !options.picture.empty());
    }
    const Job job = job_of(settings, options);
    if (settings.layout.empty()) return plan(report, settings, job, !options.picture.empty());
    explain(report, job, candidate_of(job, layout_from(settings.layout)));
  });
}
