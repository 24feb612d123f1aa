// Exercise 13.1: which gradients are sums over the tensor-parallel ranks.
//
// With sequence parallelism some parameters meet only a rank's own rows, and some meet all rows,
// but only in a rank's own heads. The gradients of both are this rank's term of a sum, although
// every rank holds the whole parameter and nothing in its shape says so. Others are complete: a
// rank has all there is of its own columns, or has computed from all rows what all ranks compute.
//
//     own rows:   embedding + positions ─ norm(gain, bias) ─ all-gather ─┐
//     all rows:   ┌──────────────────────────────────────────────────────┘
//                 ├─ X·router (every rank alike)
//                 └─ X·A + b: Q K V of own heads; norm of Q (one gain) ─ attention ─ heads·B
//     own rows:   reduce-scatter ─ + projection's bias ─ dropout, residual
//
// A router gives each row's scores for the experts of a mixture; here it is just a product that all
// ranks compute alike. The gradient that comes back to X·router's result is the same on every rank.
// Sums that are forgotten or averaged change neither the first loss nor, with AdamW, much of the
// following.
//
// Write: the sums, of all such gradients in one message. About 16 lines.
// Shapes: those of BlockGradients; no two of them need have the same.
// Ledger: one all_reduce, of just the elements that need it.
#include "exercises/13_sequence_parallel/1_which_sums.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

void complete_gradients(Communicator& tp, BlockGradients& gradients) { todo("complete_gradients"); }

}  // namespace shard
