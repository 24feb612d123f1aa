#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// The range of `out` columns that rank `rank` of `ranks` holds if columns may only be cut between
/// blocks of `block` columns (block divides out): consecutive blocks, as even as possible; the
/// first ranks hold one more if the division is uneven. With fewer blocks than ranks the last ranks
/// hold an empty range.
Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank);

/// Y = X·A + bias [tokens × out], on every rank; each rank computes only its columns
/// (columns_of_rank). x [tokens × in], a [in × out] and bias [out]: the same on every rank.
/// One all_gather.
Tensor column_parallel_gathered(Communicator& group, const Tensor& x, const Tensor& a,
                                const Tensor& bias, int64_t block);

}  // namespace shard
