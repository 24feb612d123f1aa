#pragma once
#include <cstdint>

namespace shard {

/// A message of n bytes takes latency + n / bandwidth.
struct LinkSpeed {
  double latency = 0;    // seconds
  double bandwidth = 1;  // bytes/s
};

/// The nodes of a cluster, all equal.
struct Nodes {
  LinkSpeed inside;      // from a rank to another of its node, whatever the others send meanwhile
  LinkSpeed between;     // from a node to another, through one adapter
  int64_t adapters = 1;  // of a node
};

/// A group of ranks that reduces.
struct ReducingGroup {
  int64_t ranks = 1;
  int64_t in_node = 1;  // its ranks in each node, which have neighbouring numbers; divides `ranks`
  int64_t alike = 1;    // groups on the same nodes that do the same at the same time; 1: only this
};

/// Seconds of an all-reduce of so many bytes, by one ring over all ranks of the group. One rank
/// takes no time.
double ring_seconds(const Nodes& nodes, const ReducingGroup& group, double bytes);

/// The same in three phases, each by rings: a reduce-scatter in each node, all-reduces across the
/// nodes, and an all-gather in each node.
double hierarchical_seconds(const Nodes& nodes, const ReducingGroup& group, double bytes);

}  // namespace shard
