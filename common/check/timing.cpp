#include "common/check/timing.h"

#include <algorithm>
#include <limits>

#include "common/base/clock.h"
#include "common/comm/trace.h"

namespace shard {

static double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

static Timing time_once(Runtime& runtime, const std::function<void()>& step) {
  Communicator& world = runtime.world();
  world.barrier();
  const double before = runtime.ledger().seconds(), start = now();
  {
    TraceRange range(TraceRow::compute, "step");
    step();
    runtime.backend().synchronize();
  }
  const double mine = now() - start, communication = runtime.ledger().seconds() - before;
  const double slowest = world.max_of(mine), mean = world.sum_of(communication) / world.size();
  return {slowest, mean, mean / slowest};
}

std::vector<Timing> time_in_turns(Runtime& runtime, const std::vector<std::function<void()>>& steps,
                                  int64_t repeat) {
  constexpr int64_t warm_up = 2;
  std::vector<std::vector<Timing>> rounds(steps.size());
  for (int64_t round = 0; round < warm_up + repeat; ++round) {
    for (size_t i = 0; i < steps.size(); ++i) {
      const Timing timing = time_once(runtime, steps[i]);
      if (round >= warm_up) rounds[i].push_back(timing);
    }
  }
  std::vector<Timing> medians;
  for (const std::vector<Timing>& of_step : rounds) {
    const auto median_of = [&](double Timing::*member) {
      std::vector<double> values;
      for (const Timing& timing : of_step) values.push_back(timing.*member);
      return median(values);
    };
    medians.push_back({median_of(&Timing::seconds), median_of(&Timing::communication),
                       median_of(&Timing::share)});
  }
  return medians;
}

double best_seconds(Backend& backend, double seconds, const std::function<void()>& step) {
  constexpr double long_enough = 1e-3;
  double best = std::numeric_limits<double>::infinity();
  int64_t at_a_time = 1;
  backend.synchronize();
  const double end = now() + seconds;
  for (int runs = 0; runs < 2 || now() < end; ++runs) {
    const double start = now();
    for (int64_t i = 0; i < at_a_time; ++i) step();
    backend.synchronize();
    const double each = (now() - start) / static_cast<double>(at_a_time);
    best = std::min(best, each);
    at_a_time = static_cast<int64_t>(std::clamp(long_enough / each, 1.0, 1000.0));
  }
  return best;
}

}  // namespace shard
