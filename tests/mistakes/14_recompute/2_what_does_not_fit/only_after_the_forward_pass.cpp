// expect: is computed again: then it has all that it would have kept
#include <algorithm>

#include "common/base/error.h"
#include "exercises/14_recompute/2_what_does_not_fit.h"

namespace shard {

static int64_t most_kept(const std::vector<BlockCosts>& blocks, const std::vector<bool>& again) {
  int64_t before = 0, most = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    before += again[i] ? blocks[i].input : blocks[i].kept;
  }
  return std::max(most, before);
}

std::vector<bool> recomputed_blocks(const std::vector<BlockCosts>& blocks, int64_t limit) {
  std::vector<bool> best;
  int64_t fewest = -1;
  for (uint32_t choice = 0; choice < 1u << blocks.size(); ++choice) {
    std::vector<bool> again;
    int64_t flops = 0;
    for (size_t i = 0; i < blocks.size(); ++i) {
      again.push_back(choice >> i & 1);
      flops += again[i] ? blocks[i].flops : 0;
    }
    if (most_kept(blocks, again) > limit || (fewest >= 0 && flops >= fewest)) continue;
    best = again;
    fewest = flops;
  }
  require_usage(fewest >= 0, limit, " bytes are too few, even with all blocks recomputed");
  return best;
}

}  // namespace shard
