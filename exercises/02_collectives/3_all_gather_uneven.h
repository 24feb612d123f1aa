#pragma once
#include <span>

#include "common/comm/communicator.h"

namespace shard {

/// piece [rows[rank] × columns]; rows: every rank's number of rows, the same list on every rank;
/// each may be 0. Returns all pieces, rank 0's first: [Σ rows × columns], on every rank.
Tensor ring_all_gather(Communicator& group, const Tensor& piece, std::span<const int64_t> rows);

}  // namespace shard
