// What happens to the units of a model, in the order of the trace.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "common/comm/communicator.h"

namespace shard::chapter_16 {

/// One bar of the trace that FullySharded has drawn.
struct Event {
  std::string what, unit;  // "gather", "h.0"
  bool operator==(const Event&) const = default;
};

/// What happens to these units on this rank while `run` runs. Collective.
std::vector<Event> events_of(Communicator& world, const std::vector<std::string>& units,
                             const std::function<void()>& run);

/// How often `what` happens, to all units or to one.
int64_t count(const std::vector<Event>& events, const std::string& what,
              const std::string& unit = "");

/// Of a step: a line for each unit, a column for each event: G gather starts, F forward, B
/// backward, S scatter starts, x free, and ─ where the weights are there or on their way.
std::vector<std::string> drawn(const std::vector<Event>& events,
                               const std::vector<std::string>& units);

/// The first rule of chapter 16 that the events of a step break; "" if they keep all. The first of
/// `units` is the root.
std::string broken_rule(const std::vector<Event>& events, const std::vector<std::string>& units,
                        bool prefetch);

}  // namespace shard::chapter_16
