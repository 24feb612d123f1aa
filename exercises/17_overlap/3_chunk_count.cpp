// Exercise 17.3: how many chunks?
//
// More chunks overlap more, but every product and every exchange has a fixed cost, so there is a
// best number of them, which may be none at all. A program can choose it from a few measurements:
// how long one product and one exchange of a chunk take, by themselves, for each number of chunks.
//
// Write: the time of each way by the chapter's model, and the choice of the least. About 10 lines.
//        With n chunks per rank on t ranks there are t·n products and (t-1)·n exchanges. Either
//        the core is the limit: all products, and its share `busy` of all exchanges. Or the link
//        is: all exchanges, one after the other, and the product of the chunk that arrives last.
//        The slower of the two is the time. Without chunks nothing overlaps: the all-gather, then
//        the product.
// Shapes: none; times in seconds.
// Ledger: nothing; your function computes numbers only.
#include "exercises/17_overlap/3_chunk_count.h"

#include "exercises/todo.h"

namespace shard {

BestChunks best_chunks(std::span<const ChunkTimes> times, int ranks, double busy) {
  todo("best_chunks");
}

}  // namespace shard
