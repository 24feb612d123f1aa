// expect: as if one part of a node were on its way at a time
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

double ring_seconds(const Nodes& nodes, const ReducingGroup& group, double bytes) {
  const double piece = bytes / group.ranks;
  double step = 0;
  if (group.in_node > 1) step = message_seconds(nodes.inside, piece);
  if (group.ranks > group.in_node)
    step = std::max(step, between_seconds(nodes, piece, group.alike));
  return 2 * (group.ranks - 1) * step;
}

double hierarchical_seconds(const Nodes& nodes, const ReducingGroup& group, double bytes) {
  const int64_t in_node = group.in_node, node_count = group.ranks / in_node;
  const double inside = message_seconds(nodes.inside, bytes / in_node),
               between = between_seconds(nodes, bytes / group.ranks, group.alike);
  return 2 * ((in_node - 1) * inside + (node_count - 1) * between);
}

}  // namespace shard
