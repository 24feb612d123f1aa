// What a rank sends in a collective of a ring: each rank passes on, to the one behind it, what has
// come to it. In elements, for the ledger and for who predicts one.
#pragma once
#include <cstdint>

namespace shard {

/// A sum or a maximum of n elements: a reduce-scatter and an all-gather of 1/t each.
inline int64_t sent_in_sum(int64_t elements, int64_t ranks) {
  return 2 * elements * (ranks - 1) / ranks;
}
/// All that is gathered, but the piece of the next rank, which comes last.
inline int64_t sent_in_gather(int64_t all, int64_t next_piece) { return all - next_piece; }
/// All of the term, but this rank's own part.
inline int64_t sent_in_scatter(int64_t term, int64_t own) { return term - own; }
/// The rank before the root in the ring is the last one, and passes nothing on.
inline int64_t sent_in_broadcast(int64_t elements, int rank, int ranks, int root) {
  return (rank + 1) % ranks == root ? 0 : elements;
}

}  // namespace shard
