#include "chapters/18_pipeline/message_plan.h"

#include <algorithm>
#include <map>

#include "chapters/18_pipeline/replay.h"

namespace shard {

//! [18-plan]
std::vector<std::vector<Exchange>> plan_messages(const Schedule& schedule) {
  const Dependencies dependencies(schedule);
  const Replay timed = replay(schedule, StepCosts::units());
  std::map<double, std::vector<StageMessage>> by_moment;  // when they can be sent
  for (size_t stage = 0; stage < schedule.size(); ++stage) {
    for (size_t i = 0; i < schedule[stage].size(); ++i) {
      const Place from{static_cast<int>(stage), i};
      const auto to = dependencies.taker_of(from);
      if (to && to->stage != from.stage)
        by_moment[timed.stages[stage][i].end].push_back({from, *to});
    }
  }
  std::vector<std::vector<Exchange>> plan(schedule.size());
  for (const auto& [moment, messages] : by_moment) {
    for (size_t stage = 0; stage < schedule.size(); ++stage) {
      Exchange exchange;
      for (const StageMessage& message : messages) {
        if (message.from.stage == static_cast<int>(stage) ||
            message.to.stage == static_cast<int>(stage))
          exchange.messages.push_back(message);
      }
      if (exchange.messages.empty()) continue;
      // the first step that begins then or later
      const auto& steps = timed.stages[stage];
      exchange.before = static_cast<size_t>(
          std::ranges::lower_bound(steps, moment, {}, &Replay::TimedStep::begin) - steps.begin());
      plan[stage].push_back(exchange);
    }
  }
  return plan;
}
//! [18-plan]

int64_t messages_of_stage(int stage, int stages, int chunks, int64_t micro_batches) {
  int64_t neighbours = 0;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const int part = chunk * stages + stage;
    neighbours += (part > 0 ? 1 : 0) + (part + 1 < chunks * stages ? 1 : 0);
  }
  return neighbours * micro_batches;
}

}  // namespace shard
