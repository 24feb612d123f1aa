#pragma once
#include <span>

namespace shard {

/// What was measured for one way to gather and multiply.
struct ChunkTimes {
  int chunks;       // in which each rank's rows travel; 0: one all-gather, then one product
  double product;   // seconds of one product: of one chunk, or for 0 of all rows
  double exchange;  // seconds of one exchange of one chunk, or for 0 of the whole all-gather
};

/// The number of chunks whose modelled time is least, and that time. Of several with the same time,
/// the one with the fewest chunks (0 is the fewest).
struct BestChunks {
  int chunks;
  double seconds;
};
/// `busy`, from 0 to 1, is the share of an exchange in which the core that multiplies is busy with
/// it. `times`: at least one, in any order. `ranks` from 2.
BestChunks best_chunks(std::span<const ChunkTimes> times, int ranks, double busy);

}  // namespace shard
