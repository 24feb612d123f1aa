// expect: the blocks are taken from the first on until the rest fits
#include <algorithm>

#include "common/base/error.h"
#include "exercises/14_recompute/2_what_does_not_fit.h"

namespace shard {

static int64_t most_kept(const std::vector<BlockCosts>& blocks, const std::vector<bool>& again) {
  int64_t before = 0, most = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    most = std::max(most, before + blocks[i].kept);
    before += again[i] ? blocks[i].input : blocks[i].kept;
  }
  return std::max(most, before);
}

std::vector<bool> recomputed_blocks(const std::vector<BlockCosts>& blocks, int64_t limit) {
  std::vector<size_t> order;
  for (size_t i = 0; i < blocks.size(); ++i) order.push_back(i);
  std::vector<bool> best(blocks.size());
  for (const size_t block : order) {
    if (most_kept(blocks, best) <= limit) break;
    best[block] = true;
  }
  const int64_t fewest = most_kept(blocks, best) <= limit ? 0 : -1;
  require_usage(fewest >= 0, limit, " bytes are too few, even with all blocks recomputed");
  return best;
}

}  // namespace shard
