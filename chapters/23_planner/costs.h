// What one operation costs on a cluster: a product, a pass over memory, a collective, a message.
#pragma once
#include "chapters/23_planner/cluster.h"

namespace shard::chapter_23 {

/// The ranks of a collective.
struct Group {
  int64_t ranks = 1;
  int64_t a_node = 1;  // of them share a node
  bool is_inside() const { return ranks <= a_node; }
};

/// Of `ranks` of `all`, whose numbers are `step` apart: tp's are 1 apart, cp's tp, dp's tp · cp, as
/// Megatron places them. Of such groups one that has fewest ranks in a node.
Group group_of(const Cluster& cluster, int64_t all, int64_t ranks, int64_t step);

// All return seconds.

/// `count` products of [rows × depth] · [depth × columns]: their FLOPs at product_share of peak,
/// more for small sizes; or their bytes, if that takes longer (chapter 01's roofline). Equal in its
/// three sizes, so that a linear layer's gradients take twice its forward product.
double product_seconds(const Cluster& cluster, double rows, double columns, double depth,
                       double count = 1);
/// A pass over so many bytes, read and written.
double stream_seconds(const Cluster& cluster, double bytes);

/// Of `bytes` on every rank: chapter 02's ring, 2(n-1)/n of them over each rank's link.
/// Between nodes, the k ranks of a node have the adapters of k devices for it, or, where the bytes
/// come in buckets of a few MB, one adapter [A].
double all_reduce_seconds(const Cluster& cluster, const Group& group, double bytes,
                          bool in_buckets = false);
/// An all-gather to, or a reduce-scatter of, `bytes`: half an all-reduce's traffic.
double gather_seconds(const Cluster& cluster, const Group& group, double bytes,
                      bool in_buckets = false);
/// Of `bytes` on every rank, the same number to each.
double all_to_all_seconds(const Cluster& cluster, const Group& group, double bytes);
/// To the next rank of a group: between nodes, if any of its neighbours are.
double message_seconds(const Cluster& cluster, const Group& group, double bytes);

}  // namespace shard::chapter_23
