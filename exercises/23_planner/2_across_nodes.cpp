// Exercise 23.2: the time of an all-reduce across nodes.
//
// Links inside a node are fast, and those between nodes slow, and shared. The model:
//
//   - Ring. All n ranks, in their order: the bytes are cut into n equal pieces. A reduce-scatter
//     takes n-1 steps, and an all-gather n-1 more. In a step every rank sends one piece to the next
//     rank. The next step begins when the slowest of these messages has arrived.
//   - Hierarchical. A reduce-scatter by a ring in each node leaves an equal part of the bytes on
//     each of its g ranks. The ranks with the same part, one in each node, reduce it by a ring
//     across the nodes, all g parts at the same time. Then an all-gather in each node.
//   - Adapters. Each message between nodes goes through one adapter. Messages that leave a node at
//     the same time, of this group and of all that are alike, are spread as evenly as possible over
//     its adapters; k messages in one adapter have 1/k of its bandwidth each. They do not share its
//     latency.
//
// Not every group has both kinds of link: it may be in one node, or have one rank in each.
//
// Write: ring_seconds and hierarchical_seconds. About 14 lines.
// Shapes: numbers only. Pieces may be fractions of a byte.
// Ledger: nothing.
#include "exercises/23_planner/2_across_nodes.h"

#include "exercises/todo.h"

namespace shard {

double ring_seconds(const Nodes& nodes, const ReducingGroup& group, double bytes) {
  todo("ring_seconds");
}

double hierarchical_seconds(const Nodes& nodes, const ReducingGroup& group, double bytes) {
  todo("hierarchical_seconds");
}

}  // namespace shard
