// expect: your hierarchical_seconds is with latency once in each phase
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
  const double g = group.in_node, count = group.ranks / g;
  const int64_t sharing = (group.alike * group.in_node + nodes.adapters - 1) / nodes.adapters;
  double seconds = 0;
  if (g > 1) seconds += 2 * (nodes.inside.latency + (g - 1) / g * bytes / nodes.inside.bandwidth);
  if (count > 1)
    seconds += nodes.between.latency +
               2 * (count - 1) / count * bytes / g * sharing / nodes.between.bandwidth;
  return seconds;
}

}  // namespace shard
