#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// What is kept from the forward pass of one micro-batch to its backward pass. Several may be under
/// way.
struct KeptRows {
  Tensor x;
};

/// A column-parallel layer behind an all-gather. X [rows × in] is cut by rows: x is this rank's,
/// part_of(rows, t, rank). a: A_i [in × out/t]; b: b_i [out/t]. Returns Y_i = X·A_i + b_i, of all
/// rows: [rows × out/t].
Tensor gathered_forward(Communicator& group, const Tensor& x, int64_t rows, const Tensor& a,
                        const Tensor& b, KeptRows& kept);

/// dy [rows × out/t]: the gradient of Y_i. Adds the gradients of A_i and b_i to da and db, which
/// hold earlier ones. Returns the gradient of this rank's rows of X: [rows/t × in].
Tensor gathered_backward(Communicator& group, const Tensor& dy, const Tensor& a,
                         const KeptRows& kept, Tensor& da, Tensor& db);

}  // namespace shard
