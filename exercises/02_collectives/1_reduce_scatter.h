#pragma once
#include "common/comm/communicator.h"

namespace shard {

/// sum: each rank has its own term [rows × columns], which is not changed. Returns this rank's rows
/// of the sum over all ranks, as a new tensor: rows part_of(rows, t, rank) of [rows × columns].
Tensor ring_reduce_scatter(Communicator& group, const PartialSum& sum);

}  // namespace shard
