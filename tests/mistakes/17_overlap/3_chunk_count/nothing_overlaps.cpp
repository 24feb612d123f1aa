// expect: as if a core were busy with all of each exchange
#include <algorithm>
#include <tuple>

#include "exercises/17_overlap/3_chunk_count.h"

namespace shard {

static double seconds_of(const ChunkTimes& one, int ranks, double) {
  if (one.chunks == 0) return one.exchange + one.product;
  const double products = ranks * one.chunks * one.product,
               exchanges = (ranks - 1) * one.chunks * one.exchange;
  return products + exchanges;
}

BestChunks best_chunks(std::span<const ChunkTimes> times, int ranks, double busy) {
  BestChunks best{times[0].chunks, seconds_of(times[0], ranks, busy)};
  for (const ChunkTimes& one : times) {
    const double seconds = seconds_of(one, ranks, busy);
    if (std::tie(seconds, one.chunks) < std::tie(best.seconds, best.chunks))
      best = {one.chunks, seconds};
  }
  return best;
}

}  // namespace shard
