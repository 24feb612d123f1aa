// Exercise 17.2: multiply and scatter.
//
// A row-parallel layer with sequence parallelism multiplies all rows and then scatters the sum. The
// rows of one rank can leave as soon as they are computed, and travel while those of the next are.
// A sum travels around the ring, each rank adds its term, and its owner adds the last one.
//
// Write: a loop over the t parts. In each step, compute this rank's term of a part while the sum of
//        that part's other terms is on its way here, add the two, and start to pass them on. At the
//        end the bias. About 15 lines. Do not touch the tensors of an exchange before you have
//        waited for it.
// Shapes: x [rows × in/t], w [in/t × out], bias [out] → [rows/t × out]: rows part_of(rows, t,
//         rank). Parts differ by one row where t does not divide rows.
// Ledger: t-1 send_receives (start_send_receive), every part but this rank's own, nothing else. The
//         test checks the order: what is multiplied between the start of each exchange and the wait
//         for it.
#include "exercises/17_overlap/2_multiply_and_scatter.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor multiply_and_scatter(Communicator& group, const Tensor& x, const Tensor& w,
                            const Tensor& bias) {
  todo("multiply_and_scatter");
}

}  // namespace shard
