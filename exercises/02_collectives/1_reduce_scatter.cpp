// Exercise 02.1: a reduce-scatter by a ring, with the right part on the right rank.
//
// The first half of chapter 02's ring is almost a reduce-scatter, but rank r ends up with part r +
// 1 of the sum, the parts are cut by elements, and the sums overwrite the term. Here rank r gets
// part r, parts are whole rows, and the term stays unchanged, because its owner may need it again.
// The traffic is still the minimum possible (Patarasu and Yuan, JPDC 69(2), 2009).
//
// Write: t-1 steps, where t is the number of ranks. In each, this rank sends one partially summed
//        part to rank + 1, receives another from rank - 1, and adds its own rows to it. About 12
//        lines.
// Shapes: sum.unreduced() [rows × columns] → [rows/t × columns]: rows part_of(rows, t, rank), of
//         common/base/partition.h. If t does not divide rows, the first ranks get one row more; if
//         there are fewer rows than ranks, the last get none.
// Ledger: t-1 send_receives, in which every part except the rank's own is sent once; nothing else.
#include "exercises/02_collectives/1_reduce_scatter.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor ring_reduce_scatter(Communicator& group, const PartialSum& sum) {
  todo("ring_reduce_scatter");
}

}  // namespace shard
