// Exercise 16.1: when to gather.
//
// In chapter 16 the layers themselves say when they need their weights, and FullySharded reacts. A
// planner has to know the order beforehand: how many gathers there are, and how much memory the
// gathered weights take. A gather that comes too late is waited for, one that comes too early costs
// the memory that sharding has saved, and neither changes a single number of the result.
//
// Write: order_of_events and most_gathered. About 25 lines in all.
// Shapes: lists of events of units 0 … units-1; units may be 1.
// Ledger: nothing: both functions only plan.
#include "exercises/16_fully_sharded/1_when_to_gather.h"

#include "exercises/todo.h"

namespace shard {

std::vector<Event> order_of_events(int units, bool prefetch) { todo("order_of_events"); }

int64_t most_gathered(const std::vector<Event>& events, const std::vector<int64_t>& elements) {
  todo("most_gathered");
}

}  // namespace shard
