// Exercise 02.3: an all-gather by a ring, of pieces of any length.
//
// Micro-batches, vocabularies and tokens for sequence parallelism do not always divide evenly. MPI
// has MPI_Allgatherv for this; NCCL's ncclAllGather only takes equal pieces, so its users pad them,
// or send them one by one. A ring needs no padding: each rank passes on what it has just received,
// and all know its length from `rows`.
//
// Write: where each piece begins, this rank's own piece in its place, and t-1 steps in which the
//        piece received last is sent to rank + 1 and the next one is received from rank - 1. About
//        13 lines.
// Shapes: piece [rows[rank] × columns] → [Σ rows × columns]. A piece may have no rows.
// Ledger: t-1 send_receives, in which every piece except that of rank + 1 is sent once; nothing
//         else.
#include "exercises/02_collectives/3_all_gather_uneven.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor ring_all_gather(Communicator& group, const Tensor& piece, std::span<const int64_t> rows) {
  todo("ring_all_gather");
}

}  // namespace shard
