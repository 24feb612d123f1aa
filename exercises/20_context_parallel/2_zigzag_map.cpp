// Exercise 20.2: who has which tokens, and who computes what.
//
// Under a causal mask, late tokens see more keys than early ones. So each rank gets an early chunk
// and a late one: the sequence is cut in 2c chunks, and rank r has chunks r and 2c-1-r. In step 0
// of the ring its own keys are here, in step i those of rank r - i, around the ring.
//
// Write: zigzag_positions and zigzag_step, about 12 lines in all. Chunk j of 2c has the
//        positions part_of(context, 2 * ranks, j); where 2c does not divide context, the first
//        chunks have one token more.
// Shapes: none; positions count from the sequence's beginning.
// Ledger: nothing; your functions compute numbers only.
#include "exercises/20_context_parallel/2_zigzag_map.h"

#include "exercises/todo.h"

namespace shard {

std::vector<int64_t> zigzag_positions(int64_t context, int ranks, int rank) {
  todo("zigzag_positions");
}

std::vector<Rectangle> zigzag_step(int64_t context, int ranks, int rank, int step) {
  todo("zigzag_step");
}

}  // namespace shard
