#include "exercises/19_interleaved_pipeline/3_cut_layers.h"

#include <algorithm>

namespace shard {

std::vector<int64_t> cut_layers(int64_t layers, const PartCosts& costs, int stages) {
  for (int64_t limit = 0;; ++limit) {
    std::vector<int64_t> cut;
    int64_t left = layers;
    bool fits = true;
    for (int stage = 0; stage < stages; ++stage) {
      const int64_t ends =
          (stage == 0 ? costs.embedding : 0) + (stage == stages - 1 ? costs.head : 0);
      fits &= ends <= limit;
      cut.push_back(std::min(left, std::max<int64_t>(0, limit - ends) / costs.layer));
      left -= cut.back();
    }
    if (fits && left == 0) return cut;
  }
}

}  // namespace shard
