// Exercise 13.2: two consumers of one gather.
//
// The backward pass of an all-gather of rows depends on what follows it. After a column-parallel
// layer, a rank's gradient of Y is one term of a sum: a reduce-scatter adds the terms, and leaves
// each rank its rows. After a layer that all ranks compute alike, such as a router, a rank's
// gradient is already the whole: of that it needs its own rows, and nothing is sent. Here Y goes
// into one layer of each kind.
//
// Write: dX of this rank's rows, and the gradients of both layers' weights, added to earlier ones.
//        About 7 lines.
// Shapes: y [rows × width], du [rows × out/t], dv [rows × k], a, da [width × out/t], c, dc [width ×
//         k] → dX [rows/t × width]. t need not divide rows.
// Ledger: one reduce_scatter of rows × width, nothing else.
#include "exercises/13_sequence_parallel/2_two_consumers.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor shared_gather_backward(Communicator& group, const Tensor& y, const Tensor& du,
                              const Tensor& dv, const Tensor& a, const Tensor& c, Tensor& da,
                              Tensor& dc) {
  todo("shared_gather_backward");
}

}  // namespace shard
