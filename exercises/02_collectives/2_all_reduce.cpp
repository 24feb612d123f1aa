// Exercise 02.2: an all-reduce made of its two halves, for any shape.
//
// An all-reduce is a reduce-scatter and then an all-gather. Whoever has work to do on the finished
// parts puts it in between: an optimizer step on a part of the weights (ZeRO, Rajbhandari et al.,
// arXiv:1910.02054), layer norms on a part of the tokens (sequence parallelism, Korthikanti et al.,
// arXiv:2205.05198). Sizes are as they come, but the work should be shared out evenly all the same:
// of 2 rows for 3 ranks, too.
//
// Write: the reduce-scatter and the all-gather of Communicator, each called once, so that every
// rank adds up one t-th
//        of the *elements*, to within one. At most 6 lines.
// Shapes: sum.unreduced() [rows × columns] → [rows × columns].
// Ledger: one reduce_scatter of all rows × columns elements; one all_gather of part_of(rows ×
// columns, t, rank)
//         elements; nothing else.
#include "exercises/02_collectives/2_all_reduce.h"

#include "exercises/todo.h"

namespace shard {

Tensor all_reduce_in_halves(Communicator& group, const PartialSum& sum) {
  todo("all_reduce_in_halves");
}

}  // namespace shard
