#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// Which of `out` columns rank `rank` of `ranks` holds when columns may only be cut between blocks
/// of `block` columns (block divides out): consecutive blocks, as even as possible, the first ranks
/// one more where they do not come out even. With fewer blocks than ranks the last ranks hold
/// nothing: an empty range.
Range columns_of_rank(int64_t out, int64_t block, int ranks, int rank);

/// Y = X·A + bias [tokens × out], on every rank, with each rank computing only its columns
/// (columns_of_rank). x [tokens × in], a [in × out] and bias [out]: whole, the same on every rank.
/// One all_gather.
Tensor column_parallel_gathered(Communicator& group, const Tensor& x, const Tensor& a,
                                const Tensor& bias, int64_t block);

}  // namespace shard
