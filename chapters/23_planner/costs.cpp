#include "chapters/23_planner/costs.h"

#include <algorithm>
#include <numeric>

namespace shard::chapter_23 {

namespace {

double share_to_others(const Group& group) {
  return static_cast<double>(group.ranks - 1) / static_cast<double>(group.ranks);
}

double ring_seconds(const Cluster& cluster, const Group& group, double bytes, bool in_buckets) {
  if (group.ranks == 1) return 0;
  if (group.is_inside()) return cluster.inside.latency + bytes / cluster.inside.bandwidth;
  double bandwidth = cluster.between.bandwidth * static_cast<double>(group.a_node);
  if (in_buckets)
    bandwidth = std::min(bandwidth, std::max(cluster.adapter, cluster.between.bandwidth));
  bandwidth = std::min(bandwidth * cluster.between_share, cluster.inside.bandwidth);
  return cluster.between.latency + bytes / bandwidth;
}

}  // namespace

Group group_of(const Cluster& cluster, int64_t all, int64_t ranks, int64_t step) {
  const int64_t node = std::min(cluster.node, all);
  if (node % (ranks * step) == 0) return {ranks, ranks};
  return {ranks, std::gcd(std::max<int64_t>(1, node / step), ranks)};
}

double product_seconds(const Cluster& cluster, double rows, double columns, double depth,
                       double count) {
  const double edges = 1 + cluster.product_edge * (1 / rows + 1 / columns + 1 / depth);
  const double flops = 2 * count * rows * columns * depth;
  const double values = count * (rows * depth + depth * columns + rows * columns);
  return std::max(flops / (cluster.peak * cluster.product_share) * edges,
                  stream_seconds(cluster, values * cluster.bytes_per_value));
}

double stream_seconds(const Cluster& cluster, double bytes) {
  return bytes / (cluster.memory_bandwidth * cluster.memory_share);
}

double all_reduce_seconds(const Cluster& cluster, const Group& group, double bytes,
                          bool in_buckets) {
  return ring_seconds(cluster, group, 2 * bytes * share_to_others(group), in_buckets);
}

double gather_seconds(const Cluster& cluster, const Group& group, double bytes, bool in_buckets) {
  return ring_seconds(cluster, group, bytes * share_to_others(group), in_buckets);
}

double all_to_all_seconds(const Cluster& cluster, const Group& group, double bytes) {
  if (group.ranks == 1) return 0;
  const double share = bytes / static_cast<double>(group.ranks);
  const double inside = share * static_cast<double>(group.a_node - 1) / cluster.inside.bandwidth;
  if (group.is_inside()) return cluster.inside.latency + inside;
  const double between = share * static_cast<double>(group.ranks - group.a_node) /
                         (cluster.between.bandwidth * cluster.between_share);
  return cluster.between.latency + std::max(inside, between);
}

double message_seconds(const Cluster& cluster, const Group& group, double bytes) {
  if (group.ranks == 1) return 0;
  if (group.is_inside()) return cluster.inside.latency + bytes / cluster.inside.bandwidth;
  return cluster.between.latency + bytes / (cluster.between.bandwidth * cluster.between_share);
}

}  // namespace shard::chapter_23
