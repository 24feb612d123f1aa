#pragma once
#include "common/comm/communicator.h"

namespace shard {

/// sum: each rank has its own term [rows × columns].
/// Returns the sum over all ranks, [rows × columns], on every rank.
Tensor all_reduce_in_halves(Communicator& group, const PartialSum& sum);

}  // namespace shard
