#include "chapters/19_interleaved_pipeline/replays.h"

#include <cmath>

#include "chapters/19_interleaved_pipeline/interleaved.h"
#include "chapters/19_interleaved_pipeline/named_schedule.h"

namespace shard::chapter_19 {
namespace {

constexpr int p = 4;
constexpr int64_t m = 8;

/// The most steps for which `begins` has come and `ends` has not.
template <class Begins, class Ends>
int64_t most_between(const Steps& steps, const Begins& begins, const Ends& ends) {
  int64_t now = 0, most = 0;
  for (const Step& step : steps) {
    if (begins(step)) most = std::max(most, ++now);
    if (ends(step)) --now;
  }
  return most;
}

bool is_forward(const Step& step) { return step.pass == Pass::forward; }
bool is_of_weights(const Step& step) { return step.pass == Pass::weight_gradient; }
bool is_backward(const Step& step) { return !is_forward(step) && !is_of_weights(step); }

/// The interleaved lists of 4 stages and 8 micro-batches with another warm-up: (v - 1)·p and what
/// `ahead` says of the number of stages behind.
double time_with_warm_up(int64_t (*ahead)(int64_t behind), double transfer) {
  const InterleavedOrder order(p, m, 2);
  Schedule schedule;
  for (int stage = 0; stage < p; ++stage)
    schedule.push_back(interleaved(order, ahead(p - 1 - stage) + p));
  return time_of(schedule, 2, transfer);
}

}  // namespace

int64_t most_kept(const Steps& steps) { return most_between(steps, is_forward, is_backward); }

int64_t longest_queue(const Steps& steps) {
  const auto begins = [](const Step& step) { return step.pass == Pass::input_gradient; };
  return most_between(steps, begins, is_of_weights);
}

std::string of_stages(const Schedule& schedule, int64_t (*count)(const Steps&)) {
  std::string all;
  for (const Steps& steps : schedule) all += text(all.empty() ? "" : " ", count(steps));
  return all;
}

double time_of(const Schedule& schedule, int chunks, double transfer) {
  StepCosts costs = StepCosts::units(chunks);
  costs.transfer = transfer;
  return replay(schedule, costs).total();
}

void show_schedules(Report& report) {
  report.heading(
      text(p, " stages, ", m, " micro-batches; a stage's F takes 1, its B = I + W takes 2"));
  Table table(
      {"", "time", "bubble", "idle / all time", "idle / ideal time", "chunks kept", "queue"});
  struct Row {
    const char* name;
    int chunks;
    double time, bubble;
  };
  double worst = 0;
  for (const auto& [name, chunks, time, bubble] : {Row{"1f1b", 1, 33, 9},
                                                   {"interleaved", 2, 28.5, 4.5},
                                                   {"interleaved", 4, 26.25, 2.25},
                                                   {"zb-h1", 1, 27, 3}}) {
    const Schedule schedule = named_schedule(name, p, m, chunks);
    const Replay timed = replay(schedule, StepCosts::units(chunks));
    const double lost = timed.total() - 3.0 * m;
    worst = std::max({worst, std::abs(timed.total() - time), std::abs(lost - bubble)});
    table.row({chunks > 1 ? text(name, ", v = ", chunks) : name, fixed(timed.total(), 2),
               fixed(lost, 2), fixed(timed.idle_share(), 4), fixed(timed.idle_over_ideal(), 4),
               of_stages(schedule, most_kept), of_stages(schedule, longest_queue)});
  }
  report.table(table);
  report.check("times 33, 28.5, 26.25, 27; bubbles 9, 9/2, 9/4, 3", worst, 1e-9);
  const auto kept = [](const char* name, int chunks) {
    return of_stages(named_schedule(name, p, m, chunks), most_kept);
  };
  report.check("interleaved, v = 2: stage j keeps 2(p-1-j) + (v-1)p + 1 chunks: 11, 9, 7, 5",
               kept("interleaved", 2) == "11 9 7 5");
  report.check("ZB-H1 keeps what 1F1B keeps, and at most j + 1 passes in the queue",
               kept("zb-h1", 1) == kept("1f1b", 1) &&
                   of_stages(named_schedule("zb-h1", p, m, 1), longest_queue) == "1 2 3 4");
}

void show_remainders(Report& report) {
  report.heading(
      text("Interleaved, v = 2, ", p, " stages: m micro-batches in groups of at least p"));
  Table table({"m", "groups", "time", "3m + 3(p-1)/v", "1F1B", "the rest as a group of its own"});
  double worst = 0;
  bool is_slower = true;
  for (const int64_t micro_batches : {4, 5, 6, 7, 8, 9, 10}) {
    const auto groups = InterleavedOrder::groups_of(p, micro_batches);
    std::string sizes;
    for (const Range& group : groups) sizes += text(sizes.empty() ? "" : " + ", group.size());
    std::vector<Range> with_rest;
    for (int64_t begin = 0; begin < micro_batches; begin += p)
      with_rest.push_back({begin, std::min(micro_batches, begin + p)});
    const InterleavedOrder other(p, 2, with_rest);
    Schedule of_rest;
    for (int stage = 0; stage < p; ++stage)
      of_rest.push_back(interleaved(other, other.warm_up(stage)));
    const double time = time_of(named_schedule("interleaved", p, micro_batches, 2), 2),
                 formula = 3.0 * static_cast<double>(micro_batches) + 3.0 * (p - 1) / 2,
                 rest = time_of(of_rest, 2);
    worst = std::max(worst, std::abs(time - formula));
    is_slower &= micro_batches % p == 0 ? rest == time : rest > time;
    table.row({text(micro_batches), sizes, fixed(time, 1), fixed(formula, 1),
               fixed(time_of(named_schedule("1f1b", p, micro_batches, 1), 1), 1), fixed(rest, 1)});
  }
  report.table(table);
  report.check("the formula's time for every m ≥ p", worst, 1e-9);
  report.check("slower with the rest as a group of its own", is_slower);
}

void show_warm_ups(Report& report) {
  report.heading(text("Warm-up of (v-1)p and more; ", p, " stages, ", m,
                      " micro-batches, v = 2; a result takes a while to the next stage"));
  Table table({"transfer takes", "2 a stage", "one less", "1 a stage", "1F1B"});
  struct Row {
    double transfer, twice, less, once, plain;
  };
  double worst = 0;
  for (const auto& [transfer, twice, less, once, plain] : {Row{0, 28.5, 28.5, 28.5, 33},
                                                           {0.1, 29.9, 30.9, 31.5, 34.6},
                                                           {0.25, 32, 34.5, 36, 37},
                                                           {0.5, 35.5, 40.5, 43.5, 41}}) {
    const double times[] = {
        time_with_warm_up([](int64_t behind) { return 2 * behind; }, transfer),
        time_with_warm_up([](int64_t behind) { return std::max<int64_t>(0, 2 * behind - 1); },
                          transfer),
        time_with_warm_up([](int64_t behind) { return behind; }, transfer),
        time_of(named_schedule("1f1b", p, m, 1), 1, transfer)};
    const double expected[] = {twice, less, once, plain};
    std::vector<std::string> row{fixed(transfer, 2)};
    for (size_t i = 0; i < 4; ++i) {
      worst = std::max(worst, std::abs(times[i] - expected[i]));
      row.push_back(fixed(times[i], 1));
    }
    table.row(row);
  }
  report.table(table);
  report.check("2 a stage: 28.5, 29.9, 32, 35.5; 1 a stage: 28.5, 31.5, 36, 43.5; 1F1B: 33 … 41",
               worst, 1e-9);
}

}  // namespace shard::chapter_19
