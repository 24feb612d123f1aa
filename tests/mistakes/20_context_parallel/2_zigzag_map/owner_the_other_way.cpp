// expect: that of rank r + i's keys in step i
#include <array>

#include "exercises/20_context_parallel/2_zigzag_map.h"

namespace shard {

static std::array<Range, 2> chunks(int64_t context, int ranks, int rank) {
  return {part_of(context, 2 * ranks, rank), part_of(context, 2 * ranks, 2 * ranks - 1 - rank)};
}

std::vector<int64_t> zigzag_positions(int64_t context, int ranks, int rank) {
  std::vector<int64_t> positions;
  for (const Range& chunk : chunks(context, ranks, rank))
    for (int64_t at = chunk.begin; at < chunk.end; ++at) positions.push_back(at);
  return positions;
}

std::vector<Rectangle> zigzag_step(int64_t context, int ranks, int rank, int step) {
  const int owner = (rank + step) % ranks;
  std::vector<Rectangle> all;
  for (const Range& queries : chunks(context, ranks, rank))
    for (const Range& keys : chunks(context, ranks, owner))
      if (keys.begin < queries.end) all.push_back({queries, keys});
  return all;
}

}  // namespace shard
