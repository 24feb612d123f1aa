// right: filled from the last stage on
#include <algorithm>

#include "exercises/19_interleaved_pipeline/3_cut_layers.h"

namespace shard {

std::vector<int64_t> cut_layers(int64_t layers, const PartCosts& costs, int stages) {
  for (int64_t limit = 0;; ++limit) {
    std::vector<int64_t> cut(static_cast<size_t>(stages));
    int64_t left = layers;
    bool fits = true;
    for (int stage = stages; stage-- > 0;) {
      const int64_t ends =
          (stage == 0 ? costs.embedding : 0) + (stage == stages - 1 ? costs.head : 0);
      fits &= ends <= limit;
      const int64_t own = std::min(left, std::max<int64_t>(0, limit - ends) / costs.layer);
      cut[static_cast<size_t>(stage)] = own;
      left -= own;
    }
    if (fits && left == 0) return cut;
  }
}

}  // namespace shard
