#include "chapters/18_pipeline/speed.h"

#include "chapters/18_pipeline/replay.h"
#include "common/base/counted.h"
#include "common/check/timing.h"

namespace shard::chapter_18 {

void compare_speed(Runtime& runtime, Report& report, const Settings& given, int64_t repeat) {
  const int ranks = runtime.world().size();
  Settings s = given, replicated = given;
  s.tp = s.dp = replicated.tp = replicated.pp = 1;
  s.pp = replicated.dp = ranks;
  // a rank has a part of the sequences, and so of the micro-batches
  const int64_t m = s.training.accumulate, each = m / ranks;
  require_usage(each >= 1 && m % ranks == 0, "--micro-batches ", m, " cannot be divided among ",
                ranks, " data-parallel ranks");
  replicated.training.accumulate = each;
  Trial pipeline(runtime.world(), s, one_forward_one_backward);
  Reference data_parallel(runtime.world(), replicated, 0);
  const auto times =
      time_in_turns(runtime, {[&] { pipeline.step(0); }, [&] { data_parallel.step(0); }}, repeat);
  report.heading(text("A step on ", counted(ranks, "rank"), ", m = ", m));
  Table table({"", "time", "of the second"});
  table.row(
      {"1F1B", seconds_text(times[0].seconds), fixed(times[0].seconds / times[1].seconds, 3)});
  table.row({"data parallel, chapter 10", seconds_text(times[1].seconds), "1.000"});
  report.table(table);
  const double idle = replay(pipeline.schedule, StepCosts::units()).idle_over_ideal();
  report.line(text("  With equal stages and no messages it would be ", fixed(1 + idle, 3)));
  report.result("milliseconds_per_step", 1e3 * times[0].seconds);
  report.result("of_data_parallel", times[0].seconds / times[1].seconds);
}

}  // namespace shard::chapter_18
