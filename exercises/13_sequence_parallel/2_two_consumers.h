#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// The forward pass, of which you write the backward pass: X [rows × width] is cut by rows, part_of
/// (rows, t, rank) on each rank; Y = all_gather(X) is used twice.
///     U_i = Y·A_i    [rows × out/t]: column-parallel, this rank's columns
///     V   = Y·C      [rows × k]: C, and so V and all that follows from it, is the same on all ranks
/// y: Y, all rows. du: the gradient of U_i; dv: that of V, the same on every rank. a: A_i [width ×
/// out/t]; c: C [width × k], the same on every rank. Adds the gradients of A_i and C to da and dc,
/// which hold earlier ones: that of A_i is of this rank's columns, that of C the same on every rank.
/// Returns the gradient of this rank's rows of X: [rows/t × width].
Tensor shared_gather_backward(Communicator& group, const Tensor& y, const Tensor& du,
                              const Tensor& dv, const Tensor& a, const Tensor& c, Tensor& da,
                              Tensor& dc);

}  // namespace shard
