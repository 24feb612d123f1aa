// Exercise 15.1: who owns what of a flat bucket.
//
// A sharded optimizer lays its parameters in a row, and cuts the row into d equal ranges, wherever
// that is: a range may hold the end of a matrix, a whole bias, and the beginning of the next
// matrix; or the middle of a matrix that reaches over several ranks. The last ranges may hold
// padding, which belongs to no parameter. AdamW then runs on the pieces, and must know of each
// whether it decays.
//
// Write: owned_pieces, without chapters/15_sharded_optimizer/flat_bucket.h. About 12 lines.
// Shapes: a bucket of Σ elements; ranges of ⌈Σ elements / ranks⌉, so that all are equal. A range
//         may be all padding: its rank owns nothing.
// Ledger: nothing.
#include "exercises/15_sharded_optimizer/1_who_owns_what.h"

#include "exercises/todo.h"

namespace shard {

std::vector<OwnedPiece> owned_pieces(const std::vector<FlatParameter>& parameters, int ranks,
                                     int rank) {
  todo("owned_pieces");
}

}  // namespace shard
