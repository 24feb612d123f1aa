// Exercise 02.2: an all-reduce made of its two halves, for any shape.
//
// An all-reduce is a reduce-scatter followed by an all-gather. Work on the finished parts can be
// done between the two: an optimizer step on a part of the weights (ZeRO, Rajbhandari et al.,
// arXiv:1910.02054), or layer norms on a part of the tokens (sequence parallelism, Korthikanti et
// al., arXiv:2205.05198). The sizes are arbitrary, but the work should always be divided evenly,
// even for 2 rows on 3 ranks.
//
// Write: the reduce-scatter and the all-gather of Communicator, each called once, so that every
//        rank sums 1/t of the *elements*, to within one. About 5 lines.
// Shapes: sum.unreduced() [rows × columns] → [rows × columns].
// Ledger: one reduce_scatter of all rows × columns elements; one all_gather of part_of(rows ×
//         columns, t, rank) elements; nothing else.
#include "exercises/02_collectives/2_all_reduce.h"

#include "exercises/todo.h"

namespace shard {

Tensor all_reduce_in_halves(Communicator& group, const PartialSum& sum) {
  todo("all_reduce_in_halves");
}

}  // namespace shard
