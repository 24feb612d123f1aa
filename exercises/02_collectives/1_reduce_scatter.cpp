// Exercise 02.1: a reduce-scatter by a ring, with the right part on the right rank.
//
// The first half of chapter 02's ring is nearly one, but rank r ends up with part r + 1 of the sum,
// the parts are cut by elements, and the sums overwrite the term. Here rank r gets part r, whole
// rows, and the term stays as it was: its owner may need it again. The traffic remains the least
// there can be (Patarasu and Yuan, JPDC 69(2), 2009).
//
// Write: t-1 steps, in each of which a part on its way goes to rank + 1 and another one comes from
// rank - 1 and gets
//        this rank's rows added. At most 12 lines.
// Shapes: sum.unreduced() [rows × columns] → [rows/t × columns]: rows part_of(rows, t, rank). The
// first ranks get a row
//         more where t does not divide rows, and where there are fewer rows than ranks the last get
//         none.
// Ledger: t-1 send_receives, in which every part but the rank's own goes out once; nothing else.
#include "exercises/02_collectives/1_reduce_scatter.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor ring_reduce_scatter(Communicator& group, const PartialSum& sum) {
  todo("ring_reduce_scatter");
}

}  // namespace shard
