#pragma once
#include "common/comm/communicator.h"

namespace shard {

/// Y = X·W for the rows of all ranks: mine [rows/t × in] are part_of(rows, t, rank) of X [rows ×
/// in], w [in × out] is this rank's own. Returns [rows × out], in the order of X's rows. Each
/// exchange is under way while a product is computed, and this rank's rows are multiplied first.
Tensor gather_and_multiply(Communicator& group, const Tensor& mine, int64_t rows, const Tensor& w);

}  // namespace shard
