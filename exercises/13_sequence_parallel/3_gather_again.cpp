// Exercise 13.3: gather again.
//
// The gradient of a weight, dA_i = Xᵀ·dY_i, needs all rows of X, which the forward pass has
// gathered. Kept, they are as many bytes as without sequence parallelism. Instead keep this rank's
// rows only, and gather them once more in the backward pass. Nothing waits for that gather: it is
// under way while the gradient of X is computed, as the sum of that gradient is while dA_i is.
//
// Write: the forward and the backward pass. About 7 lines.
// Shapes: x [rows/t × in] → [rows × out/t]; dy [rows × out/t] → dX [rows/t × in]. t need not divide
//         rows: all_gather is told every rank's number of rows.
// Order:  backward: start the gather; dY_i·A_iᵀ; start its sum; dA_i, which
//         waits for the gather; then wait for the sum.
// Kept:   this rank's x itself: a slice of the gathered X would keep all of X alive.
// Ledger: forward one all_gather; backward one all_gather of own rows, one reduce_scatter of all.
#include "exercises/13_sequence_parallel/3_gather_again.h"

#include "common/tensor/linear.h"
#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor gathered_forward(Communicator& group, const Tensor& x, int64_t rows, const Tensor& a,
                        const Tensor& b, KeptRows& kept) {
  todo("gathered_forward");
}

Tensor gathered_backward(Communicator& group, const Tensor& dy, const Tensor& a,
                         const KeptRows& kept, Tensor& da, Tensor& db) {
  todo("gathered_backward");
}

}  // namespace shard
