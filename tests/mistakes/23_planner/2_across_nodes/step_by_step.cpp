// right: step after step, with the message of each rank
#include <algorithm>

#include "exercises/23_planner/2_across_nodes.h"

namespace shard {

static double message_seconds(const LinkSpeed& link, double bytes) {
  return link.latency + bytes / link.bandwidth;
}

/// Of one of `messages` that leave a node at the same time.
static double between_seconds(const Nodes& nodes, double bytes, int64_t messages) {
  const int64_t in_one_adapter = (messages + nodes.adapters - 1) / nodes.adapters;
  return message_seconds(nodes.between, bytes * in_one_adapter);
}

/// A ring of `ranks`, of which `in_node` follow each other in a node.
static double reduce_scatter_seconds(const Nodes& nodes, int64_t ranks, int64_t in_node,
                                     int64_t leaving, double bytes) {
  double seconds = 0;
  for (int64_t step = 1; step < ranks; ++step) {
    double slowest = 0;
    for (int64_t rank = 0; rank < ranks; ++rank) {
      const bool stays = rank / in_node == (rank + 1) % ranks / in_node;
      slowest = std::max(slowest, stays ? message_seconds(nodes.inside, bytes / ranks)
                                        : between_seconds(nodes, bytes / ranks, leaving));
    }
    seconds += slowest;
  }
  return seconds;
}

double ring_seconds(const Nodes& nodes, const ReducingGroup& group, double bytes) {
  return 2 * reduce_scatter_seconds(nodes, group.ranks, group.in_node, group.alike, bytes);
}

double hierarchical_seconds(const Nodes& nodes, const ReducingGroup& group, double bytes) {
  const int64_t g = group.in_node;
  return 2 * reduce_scatter_seconds(nodes, g, g, 0, bytes) +
         2 * reduce_scatter_seconds(nodes, group.ranks / g, 1, group.alike * g, bytes / g);
}

}  // namespace shard
