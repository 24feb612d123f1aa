// Exercise 17.1: gather and multiply.
//
// A column-parallel layer with sequence parallelism gathers X and then multiplies it. Its own rows
// are here before anything has arrived, so they can be multiplied first, while the others travel
// around the ring; and each part that arrives can be multiplied while the next one travels. This is
// the chapter's ring with one chunk per rank, written by hand.
//
// Write: a loop over the t parts. In each step, start the exchange that passes this part on and
//        brings the next one, multiply this part, and only then wait. About 14 lines. Do not touch
//        the tensors of an exchange before you have waited for it.
// Shapes: mine [rows/t × in], w [in × out] → [rows × out]. Rank i's rows are part_of(rows, t, i) of
//         all rows: their numbers differ by one where t does not divide rows.
// Ledger: t-1 send_receives (start_send_receive), each of one part, nothing else. The test checks
//         the order: what is multiplied between the start of each exchange and the wait for it.
#include "exercises/17_overlap/1_gather_and_multiply.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor gather_and_multiply(Communicator& group, const Tensor& mine, int64_t rows, const Tensor& w) {
  todo("gather_and_multiply");
}

}  // namespace shard
