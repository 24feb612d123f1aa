#pragma once
#include <cstdint>
#include <vector>

namespace shard {

enum class Act { gather, forward, backward, scatter, free };

/// What happens to one unit's weights or gradients.
struct Event {
  Act act;
  int unit;
  bool operator==(const Event&) const = default;
};

/// The events of a forward pass through units 0 … units-1 and of the backward pass after it, in
/// order. A gather is listed when it starts. Each unit is gathered as late, and freed as early, as
/// these rules allow:
/// - A pass needs the unit's weights.
/// - The last unit stays between its two passes, which follow each other.
/// - In the backward pass a unit's scatter follows its backward, and its free the scatter.
/// - With `prefetch` a unit's gather starts directly before the pass that precedes its own, and so
///   arrives during it; nothing is gathered where that unit is there already.
std::vector<Event> order_of_events(int units, bool prefetch);

/// The most elements of weights that exist at one time, from a gather to its free, where unit i has
/// elements[i]. Whatever the order.
int64_t most_gathered(const std::vector<Event>& events, const std::vector<int64_t>& elements);

}  // namespace shard
