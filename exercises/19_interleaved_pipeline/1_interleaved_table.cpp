// Exercise 19.1: the table of an interleaved pipeline.
//
// Stage j of p has v chunks of the model: chunk c is part c·p + j. A stage is told nothing at run
// time; it knows from its own numbers which micro-batch comes next, through which chunk. The order
// is: the first p micro-batches through chunk 0, the same p through chunk 1, … through chunk v-1,
// then the next p micro-batches. Backward passes take the micro-batches in the same order, but
// begin with the last chunk. In advance, a stage does the forward passes before its last chunk's
// first one, and 2 more for each stage after it, so that a result may take as long as a pass to the
// next stage before anybody waits for it.
//
// Write: forward_turn, backward_turn and warm_up, without chapter 19's interleaved.h.
//        About 9 lines in all.
// Shapes: m is a multiple of p; v may be 1. A stage has m·v forward passes, and its warm-up has no
//         more.
// Ledger: nothing: the order is arithmetic.
#include "exercises/19_interleaved_pipeline/1_interleaved_table.h"

#include "exercises/todo.h"

namespace shard {

StageTurn forward_turn(int64_t k, int stages, int chunks) { todo("forward_turn"); }

StageTurn backward_turn(int64_t k, int stages, int chunks) { todo("backward_turn"); }

int64_t warm_up(int stage, int stages, int64_t micro_batches, int chunks) { todo("warm_up"); }

}  // namespace shard
