#include "chapters/18_pipeline/replay.h"

#include <algorithm>

#include "common/base/error.h"

namespace shard {
namespace {

/// What every stage that is not done waits for.
std::string standstill(const Schedule& schedule, const Dependencies& dependencies,
                       const Replay& done) {
  std::string all;
  for (size_t stage = 0; stage < schedule.size(); ++stage) {
    const size_t next = done.stages[stage].size();
    if (next == schedule[stage].size()) continue;
    const Place place{static_cast<int>(stage), next};
    std::optional<Place> missing = dependencies.input_of(place);
    const auto is_done = [&](Place step) {
      return step.index < done.stages[static_cast<size_t>(step.stage)].size();
    };
    if (!missing || is_done(*missing)) missing = dependencies.kept_from(place);
    all += text("; stage ", stage, " waits before ", in_words(schedule[stage][next]), " for ",
                in_words(schedule[static_cast<size_t>(missing->stage)][missing->index]),
                " on stage ", missing->stage);
  }
  return all;
}

}  // namespace

StepCosts StepCosts::units(int chunks) {
  return {.of_step = [chunks](int, const Step& step) {
    return (step.pass == Pass::backward ? 2.0 : 1.0) / chunks;
  }};
}

//! [18-replay]
Replay replay(const Schedule& schedule, const StepCosts& costs) {
  const Dependencies dependencies(schedule);
  Replay done;
  done.stages.resize(schedule.size());
  // when a step's result is on `stage`; nothing if the step is not done
  const auto ready = [&](std::optional<Place> step, int stage) -> std::optional<double> {
    if (!step) return 0.0;
    const auto& steps = done.stages[static_cast<size_t>(step->stage)];
    if (step->index >= steps.size()) return std::nullopt;
    return steps[step->index].end + (step->stage == stage ? 0.0 : costs.transfer);
  };
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t j = 0; j < schedule.size(); ++j) {
      auto& steps = done.stages[j];
      const int stage = static_cast<int>(j);
      while (steps.size() < schedule[j].size()) {
        const Place next{stage, steps.size()};
        const auto input = ready(dependencies.input_of(next), stage),
                   kept = ready(dependencies.kept_from(next), stage);
        if (!input || !kept) break;
        const double begin = std::max({steps.empty() ? 0.0 : steps.back().end, *input, *kept});
        const Step& step = schedule[j][next.index];
        steps.push_back({step, begin, begin + costs.of_step(stage, step)});
        moved = true;
      }
    }
  }
  const std::string waiting = standstill(schedule, dependencies, done);
  require(waiting.empty(), "a schedule that comes to a standstill", waiting);
  return done;
}
//! [18-replay]

double Replay::total() const {
  double end = 0;
  for (const auto& steps : stages)
    if (!steps.empty()) end = std::max(end, steps.back().end);
  return end;
}

static double work_of(const Replay& replay) {
  double work = 0;
  for (const auto& steps : replay.stages)
    for (const Replay::TimedStep& step : steps) work += step.end - step.begin;
  return work;
}

double Replay::idle() const {
  return static_cast<double>(stages.size()) * total() - work_of(*this);
}

double Replay::idle_share() const {
  return idle() / (static_cast<double>(stages.size()) * total());
}

double Replay::idle_over_ideal() const { return idle() / work_of(*this); }

}  // namespace shard
