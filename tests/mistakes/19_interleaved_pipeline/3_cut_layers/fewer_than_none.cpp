// expect: has a stage with fewer than no layers
#include "exercises/19_interleaved_pipeline/3_cut_layers.h"

namespace shard {

std::vector<int64_t> cut_layers(int64_t layers, const PartCosts& costs, int stages) {
  std::vector<int64_t> cut(static_cast<size_t>(stages), layers / stages);
  cut.front() -= costs.embedding / costs.layer;
  cut.back() -= costs.head / costs.layer;
  int64_t left = layers;
  for (const int64_t own : cut) left -= own;
  for (size_t stage = 0; left > 0; ++stage, --left) ++cut[stage % cut.size()];
  return cut;
}

}  // namespace shard
