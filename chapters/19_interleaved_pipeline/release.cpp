#include <algorithm>
#include <cmath>

#include "chapters/19_interleaved_pipeline/interleaved.h"
#include "chapters/19_interleaved_pipeline/named_schedule.h"
#include "chapters/19_interleaved_pipeline/replays.h"

namespace shard::chapter_19 {
namespace {

constexpr int p = 4;
constexpr int64_t m = 8;

Schedule later_schedule(int64_t (*later)(int stage)) {
  Schedule schedule;
  for (int stage = 0; stage < p; ++stage)
    schedule.push_back(with_later_weights(one_forward_one_backward(stage, p, m), later(stage)));
  return schedule;
}

/// The time that is lost, if F, I and W take this long.
double bubble_of(const Schedule& schedule, double f, double i, double w) {
  const StepCosts costs{.of_step = [=](int, const Step& step) {
    switch (step.pass) {
      case Pass::forward: return f;
      case Pass::input_gradient: return i;
      case Pass::weight_gradient: return w;
      case Pass::backward: return i + w;
    }
    return 0.0;
  }};
  const auto passes = std::ranges::count(schedule.front(), Pass::forward, &Step::pass);
  return replay(schedule, costs).total() - static_cast<double>(passes) * (f + i + w);
}

}  // namespace

void show_release(Report& report) {
  report.heading(text("ZB-H1's W comes j backward passes later; ", p, " stages, ", m,
                      " micro-batches, F = I = W = 1"));
  Table table({"W of stage j", "bubble", "longest queue", "kept until W"});
  struct Row {
    const char* name;
    int64_t (*later)(int stage);
    double bubble;
  };
  double worst = 0;
  for (const auto& [name, later, bubble] :
       {Row{"at once", [](int) { return int64_t{0}; }, 6},
        {"j - 1 later", [](int stage) { return int64_t{std::max(0, stage - 1)}; }, 4},
        {"j later", [](int stage) { return int64_t{stage}; }, 3},
        {"j + 1 later", [](int stage) { return int64_t{stage + 1}; }, 3},
        {"p - 1 - j later", [](int stage) { return int64_t{p - 1 - stage}; }, 9},
        {"at the end", [](int) { return m; }, 6}}) {
    const Schedule schedule = later_schedule(later);
    const double lost = bubble_of(schedule, 1, 1, 1);
    worst = std::max(worst, std::abs(lost - bubble));
    table.row({name, fixed(lost, 0), of_stages(schedule, longest_queue),
               of_stages(schedule, most_in_flight)});
  }
  report.table(table);
  report.check("bubbles 6, 4, 3, 3, 9, 6: the least with the shortest queue is j later", worst,
               1e-9);

  report.heading("ZB-H1 for other durations: W fills as much of a wait as F and I leave");
  Table others({"F", "I", "W", "bubble", "(p-1)(F+I-W)", "1F1B"});
  const Schedule schedule = named_schedule("zb-h1", p, 12, 1),
                 plain = named_schedule("1f1b", p, 12, 1);
  double off = 0;
  for (const auto& [f, i, w] : {std::array{1.0, 1.0, 1.0},
                                {1.0, 1.0, 0.5},
                                {1.0, 1.2, 0.8},
                                {1.0, 1.0, 1.5},
                                {2.0, 1.0, 1.5},
                                {1.0, 1.0, 2.0}}) {
    const double lost = bubble_of(schedule, f, i, w);
    off = std::max(off, std::abs(lost - (p - 1) * (f + i - std::min({f, i, w}))));
    others.row({fixed(f, 1), fixed(i, 1), fixed(w, 1), fixed(lost, 1),
                fixed((p - 1) * (f + i - w), 1), fixed(bubble_of(plain, f, i, w), 1)});
  }
  report.table(others);
  report.check("the bubble is (p-1)(F + I - min(F, I, W))", off, 1e-9);
}

}  // namespace shard::chapter_19
