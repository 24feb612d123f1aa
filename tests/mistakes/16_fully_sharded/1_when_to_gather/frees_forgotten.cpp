// expect: your most_gathered is the sum over all gathers: a free gives the memory back
// ranks: 1
#include <algorithm>

#include "exercises/16_fully_sharded/1_when_to_gather.h"

namespace shard {

std::vector<Event> order_of_events(int units, bool prefetch) {
  std::vector<Event> events{{Act::gather, 0}};
  const int last = units - 1;
  for (int unit = 0; unit < units; ++unit) {
    if (!prefetch && unit > 0) events.push_back({Act::gather, unit});
    if (prefetch && unit < last) events.push_back({Act::gather, unit + 1});
    events.push_back({Act::forward, unit});
    if (unit < last) events.push_back({Act::free, unit});
  }
  for (int unit = last; unit >= 0; --unit) {
    if (!prefetch && unit < last) events.push_back({Act::gather, unit});
    if (prefetch && unit > 0) events.push_back({Act::gather, unit - 1});
    events.push_back({Act::backward, unit});
    events.push_back({Act::scatter, unit});
    events.push_back({Act::free, unit});
  }
  return events;
}

int64_t most_gathered(const std::vector<Event>& events, const std::vector<int64_t>& elements) {
  int64_t now = 0, most = 0;
  for (const Event& event : events) {
    const int64_t size = elements[static_cast<size_t>(event.unit)];
    if (event.act == Act::gather) now += size;
    most = std::max(most, now);
  }
  return most;
}

}  // namespace shard
