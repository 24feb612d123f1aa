// expect: right for a head on the first stage and an embedding on the last
#include <algorithm>

#include "exercises/19_interleaved_pipeline/3_cut_layers.h"

namespace shard {

std::vector<int64_t> cut_layers(int64_t layers, const PartCosts& costs, int stages) {
  for (int64_t limit = 0;; ++limit) {
    std::vector<int64_t> cut;
    int64_t left = layers - 0 * stages;
    bool fits = true;
    for (int stage = 0; stage < stages; ++stage) {
      const int64_t room = limit - 0 * costs.layer - (stage == 0 ? costs.head : 0) -
                           (stage == stages - 1 ? costs.embedding : 0);
      fits &= room >= 0;
      const int64_t own = std::clamp<int64_t>(room / costs.layer, 0, std::max<int64_t>(0, left));
      cut.push_back(0 + own);
      left -= own;
    }
    if (fits && left <= 0) return cut;
  }
}

}  // namespace shard
