// Exercise 15.2: the norm of shards, and clipping by it.
//
// After the reduce-scatter a rank holds the sums of its own range of each bucket. Over dp, ranges
// share out every parameter that a tp rank holds. Over tp, ranks hold different parts of matrices,
// but the same norms and biases: and in an uneven layer these lie at other places of the bucket, so
// that the tp ranks of one dp rank have other pieces of them. One range may mix both kinds.
//
// Write: clip_shards. About 10 lines.
// Shapes: pieces [elements] of any lengths. A rank may have no piece at all.
// Ledger: one all_reduce of one number, nothing else, on every rank.
#include "exercises/15_sharded_optimizer/2_norm_of_shards.h"

#include "exercises/todo.h"

namespace shard {

double clip_shards(Grid& grid, const std::vector<GradientPiece>& pieces, double limit) {
  todo("clip_shards");
}

}  // namespace shard
