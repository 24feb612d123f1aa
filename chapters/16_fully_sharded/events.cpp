#include "chapters/16_fully_sharded/events.h"

#include <algorithm>
#include <map>

#include "common/comm/trace.h"

namespace shard::chapter_16 {

std::vector<Event> events_of(Communicator& world, const std::vector<std::string>& units,
                             const std::function<void()>& run) {
  const auto bars = [&] { return gather_trace(world)[static_cast<size_t>(world.rank())]; };
  const size_t before = bars().size();
  {
    const TraceRecording recording;
    run();
  }
  constexpr const char* kinds[] = {"gather", "forward", "backward", "scatter", "free"};
  std::vector<Event> events;
  const std::vector<TraceBar> all = bars();
  for (size_t i = before; i < all.size(); ++i) {
    const auto& [row, name, detail, begin, end] = all[i];
    if (std::ranges::count(kinds, name) > 0 && std::ranges::count(units, detail) > 0)
      events.push_back({name, detail});
  }
  return events;
}

int64_t count(const std::vector<Event>& events, const std::string& what, const std::string& unit) {
  return std::ranges::count_if(events, [&](const Event& event) {
    return event.what == what && (unit.empty() || event.unit == unit);
  });
}

std::vector<std::string> drawn(const std::vector<Event>& events,
                               const std::vector<std::string>& units) {
  const std::map<std::string, std::string> letters{
      {"gather", "G"}, {"forward", "F"}, {"backward", "B"}, {"scatter", "S"}, {"free", "x"}};
  std::vector<std::string> lines;
  for (const std::string& unit : units) {
    std::string line;
    bool is_there = false;
    for (const Event& event : events) {
      if (event.unit != unit) {
        line += is_there ? "─" : " ";
        continue;
      }
      if (event.what == "gather" || event.what == "free") is_there = event.what == "gather";
      line += letters.at(event.what);
    }
    lines.push_back(line);
  }
  return lines;
}

std::string broken_rule(const std::vector<Event>& events, const std::vector<std::string>& units,
                        bool prefetch) {
  std::vector<std::string> there;  // units but the root
  const size_t limit = prefetch ? 2 : 1;
  for (size_t i = 0; i < events.size(); ++i) {
    const auto& [what, unit] = events[i];
    const bool is_there = std::ranges::count(there, unit) > 0 || unit == units.front();
    if (what == "gather" && unit != units.front()) there.push_back(unit);
    if (what == "free") std::erase(there, unit);
    if (there.size() > limit)
      return text(there.size(), " units at one time at the gather of ", unit);
    if (what == "gather" || what == "free") continue;
    if (!is_there) return text("the ", what, " of ", unit, " finds no weights");
    const bool has_gradients =
        count({events.begin(), events.begin() + static_cast<ptrdiff_t>(i)}, "backward", unit) > 0;
    if (what == "scatter" && !has_gradients)
      return text("the scatter of ", unit, " comes too early");
    // the unit of the next pass is on its way, unless this is the first or last one
    const bool is_turn =
        (unit == units.back() && what == "forward") || (unit == units[1] && what == "backward");
    if (prefetch && unit != units.front() && what != "scatter" && !is_turn && there.size() < 2)
      return text("during the ", what, " of ", unit, " nothing arrives");
  }
  return there.empty() ? "" : text(there.front(), " is never freed");
}

}  // namespace shard::chapter_16
