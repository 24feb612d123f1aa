// Exercise 15.3: accumulate into shards.
//
// Several micro-batches make a step. Their gradients can be reduced in every pass, each into the
// rank's own range, to which it is added: then nobody needs a whole gradient between passes (its
// memory may stay here; the chapter gives it back), and m passes send m times as much. Or they
// accumulate as whole gradients, and are reduced once: then a step sends as little as with one
// micro-batch. Both give the same sums.
//
// Write: accumulated_shard, without chapters/15_sharded_optimizer/gradient_shards.h. About 9 lines.
// Shapes: `elements` need not be divisible by d: the flat gradient that is reduced is padded with
//         zeros to d · ⌈elements/d⌉. add_pass takes its first `elements`, a view.
// Ledger: in_every_pass: m reduce_scatters of the padded gradient. after_last_pass: one.
#include "exercises/15_sharded_optimizer/3_accumulate_into_shards.h"

#include "exercises/todo.h"

namespace shard {

Tensor accumulated_shard(Communicator& dp, int64_t elements, int64_t passes,
                         const AddPass& add_pass, Reduced reduced) {
  todo("accumulated_shard");
}

}  // namespace shard
