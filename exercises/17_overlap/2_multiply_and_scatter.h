#pragma once
#include "common/comm/communicator.h"

namespace shard {

/// This rank's rows of Z = Σ X_i·W_i + bias, the sum over the ranks: x [rows × in/t] and w [in/t ×
/// out] are this rank's, bias [out] is the same on every rank. Returns [rows/t × out], rows
/// part_of(rows, t, rank), as a new tensor. Each exchange is under way while a product is computed,
/// and this rank's rows are multiplied last.
Tensor multiply_and_scatter(Communicator& group, const Tensor& x, const Tensor& w,
                            const Tensor& bias);

}  // namespace shard
