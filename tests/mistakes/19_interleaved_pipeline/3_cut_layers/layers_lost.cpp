// expect: layers in all
#include <algorithm>

#include "exercises/19_interleaved_pipeline/3_cut_layers.h"

namespace shard {

std::vector<int64_t> cut_layers(int64_t layers, const PartCosts& costs, int stages) {
  const int64_t mean = (layers * costs.layer + costs.embedding + costs.head) / stages;
  std::vector<int64_t> cut;
  for (int stage = 0; stage < stages; ++stage) {
    const int64_t ends =
        (stage == 0 ? costs.embedding : 0) + (stage == stages - 1 ? costs.head : 0);
    cut.push_back(std::max<int64_t>(0, mean - ends) / costs.layer);
  }
  return cut;
}

}  // namespace shard
