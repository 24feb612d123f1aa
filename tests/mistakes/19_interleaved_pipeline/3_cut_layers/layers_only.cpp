// expect: layers only, as even as possible
#include "common/base/partition.h"
#include "exercises/19_interleaved_pipeline/3_cut_layers.h"

namespace shard {

std::vector<int64_t> cut_layers(int64_t layers, const PartCosts& costs, int stages) {
  return part_sizes(layers, stages);
}

}  // namespace shard
