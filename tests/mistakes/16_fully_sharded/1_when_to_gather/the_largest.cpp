// expect: your most_gathered is the largest unit: several are there at one time
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

int64_t most_gathered(const std::vector<Event>&, const std::vector<int64_t>& elements) {
  return *std::ranges::max_element(elements);
}

}  // namespace shard
