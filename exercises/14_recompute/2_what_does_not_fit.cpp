// Exercise 14.2: recompute only what does not fit, when blocks differ.
//
// In chapter 14 all blocks are equal, and the first ones are recomputed until the rest fits. Blocks
// of a real model may differ: a longer context in some, experts in others, a stage of a pipeline
// with the model's head. Then another choice may cost less: one large block, rather than two small
// ones. And what is kept must fit at every moment, not only after the forward pass: a block that is
// recomputed needs its activations, too, while its backward pass runs.
//
// Write: the choice with the fewest FLOPs. There are at most 2^16 choices, so all can be tried.
//        About 18 lines.
// Shapes: a list of blocks → for each block, whether it is recomputed.
// Ledger: nothing: the function only plans.
#include "exercises/14_recompute/2_what_does_not_fit.h"

#include "common/base/error.h"
#include "exercises/todo.h"

namespace shard {

std::vector<bool> recomputed_blocks(const std::vector<BlockCosts>& blocks, int64_t limit) {
  todo("recomputed_blocks");
}

}  // namespace shard
