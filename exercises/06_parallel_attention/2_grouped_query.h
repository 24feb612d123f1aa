#pragma once
#include <memory>
#include <vector>

#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// Attention with `heads` query heads and fewer KV heads. kv_heads divides heads. The number of
/// ranks t divides heads, and either divides kv_heads or is a multiple of it.
struct GroupedQuery {
  int64_t heads = 0, kv_heads = 0, head_width = 0;
  int64_t width() const { return heads * head_width; }        // of X, Q and Y
  int64_t kv_width() const { return kv_heads * head_width; }  // of K, and of V
};

/// The KV head that query head `head` of all `heads` uses. Each KV head is used by the same number
/// of consecutive query heads.
int64_t kv_head_of(const GroupedQuery& sizes, int64_t head);

/// The columns of the fused matrix [Q K V], which is width + 2·kv_width wide, that rank `rank` of
/// `ranks` holds, as three ranges: in Q those of its query heads (part_of), in K and then in V
/// those of the KV heads that they use.
std::vector<Range> grouped_query_columns(const GroupedQuery& sizes, int ranks, int rank);

/// A separate group of those ranks of `group` that hold the same KV heads as this one. Collective.
std::unique_ptr<Communicator> sharing_group(Communicator& group, const GroupedQuery& sizes);

/// A rank's columns of the fused matrix and of its bias, or of their gradients; n is the total size
/// of its three ranges.
struct GroupedQkvPart {
  Tensor weight, bias;  // [width × n], [n]
};

/// The backward pass of [Q_i K_i V_i] = X·A_i + b_i. x [tokens × width], the same on every rank;
/// dqkv [tokens × n]: the gradient of this rank's Q_i, K_i and V_i due to *its own query heads*.
/// `sharing` is sharing_group(group, sizes). Returns dX [tokens × width], the same on every rank of
/// `group`, and adds to `gradients`. Columns that several ranks share are one parameter: its
/// gradient is the sum over all query heads that use it, the same on each of these ranks.
Tensor grouped_qkv_backward(Communicator& group, Communicator& sharing, const GroupedQuery& sizes,
                            const Tensor& x, const GroupedQkvPart& qkv, const Tensor& dqkv,
                            GroupedQkvPart& gradients);

}  // namespace shard
