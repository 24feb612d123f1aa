#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// The forward pass, of which you write the backward pass: X [rows × width] is cut by rows, as
/// part_of(rows, t, rank) says; Y = all_gather(X) is used twice:
///     U_i = Y·A_i    [rows × out/t]: column-parallel, this rank's columns
///     V   = Y·C      [rows × k]: C, V and all that follows from V are the same on all ranks
/// y: Y, all rows. du: the gradient of U_i; dv: that of V, the same on every rank. a: A_i [width ×
/// out/t]; c: C [width × k], the same on every rank. Adds the gradients of A_i and C to da and dc,
/// which hold earlier ones: of this rank's columns of A, and of all of C, the same on every rank.
/// Returns the gradient of this rank's rows of X: [rows/t × width].
Tensor shared_gather_backward(Communicator& group, const Tensor& y, const Tensor& du,
                              const Tensor& dv, const Tensor& a, const Tensor& c, Tensor& da,
                              Tensor& dc);

}  // namespace shard
