// expect: full up to the mean cost from the first stage on
#include "exercises/19_interleaved_pipeline/3_cut_layers.h"

namespace shard {

std::vector<int64_t> cut_layers(int64_t layers, const PartCosts& costs, int stages) {
  const int64_t all = layers * costs.layer + costs.embedding + costs.head;
  std::vector<int64_t> cut;
  int64_t left = layers;
  for (int stage = 0; stage < stages; ++stage) {
    int64_t cost = (stage == 0 ? costs.embedding : 0) + (stage == stages - 1 ? costs.head : 0),
            own = 0;
    for (; own < left && cost * stages < all; ++own) cost += costs.layer;
    if (stage == stages - 1) own = left;
    cut.push_back(own);
    left -= own;
  }
  return cut;
}

}  // namespace shard
