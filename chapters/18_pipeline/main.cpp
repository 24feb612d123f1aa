// Chapter 18: pipeline parallelism. Each rank has some of the layers, and micro-batches pass from
// one to the next. The order of a stage's steps decides how much it keeps.
#include "chapters/18_pipeline/blocking_sends.h"
#include "chapters/18_pipeline/comparisons.h"
#include "chapters/18_pipeline/failing_designs.h"
#include "chapters/18_pipeline/speed.h"

using namespace shard;
using namespace shard::chapter_18;

/// Whether sends that wait for their receivers bring the lists to a standstill.
void show_blocking(Report& report) {
  report.heading("1F1B with blocking sends, each of which waits for its receiver");
  const Schedule two = schedule_of(one_forward_one_backward, 2, 2);
  report.line("  2 stages, 2 micro-batches: " + standstill_of_blocking(two));
  bool all_stop = true, none_stops = true;
  for (int p = 2; p <= 4; ++p) {
    none_stops &= standstill_of_blocking(schedule_of(one_forward_one_backward, p, 1)).empty();
    for (int m = 2; m <= 8; ++m)
      all_stop &= !standstill_of_blocking(schedule_of(one_forward_one_backward, p, m)).empty();
  }
  report.check("a standstill for p = 2, 3, 4 and every m from 2 to 8", all_stop);
  report.check("none for m = 1", none_stops);
}

int main(int argc, char** argv) {
  Settings settings;
  Options options("18_pipeline", "a GPT whose layers are on several ranks: GPipe and 1F1B");
  int64_t repeat = 0;
  add_options(options, settings);
  options.size("--repeat", repeat,
               "only time steps, so often, beside data parallelism on as many ranks; 0: do not", 0,
               1000);
  options.flag("--blocking", settings.blocking,
               "only run the failing design with blocking sends; with --synchronous-sends it comes "
               "to a standstill");
  options.offer_picture("both schedules as timelines");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    complete(settings, runtime);
    report.layout(static_cast<int>(settings.tp), static_cast<int>(settings.dp));
    if (settings.blocking) return run_blocking(runtime, report, settings);
    if (repeat > 0) return compare_speed(runtime, report, settings, repeat);
    show_schedules(report);
    show_cut(report, settings);
    std::vector<NamedReplay> replays;
    for (const NamedSteps& schedule : schedules()) {
      compare_training(runtime, report, settings, schedule);
      replays.push_back(observe_step(runtime, report, settings, schedule));
    }
    if (!options.picture.empty()) draw_schedules(report, replays);
    show_failing_designs(runtime, report, settings);
    show_blocking(report);
  });
}
