// The units of a GPT.
#pragma once
#include <algorithm>

#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "chapters/16_fully_sharded/fully_sharded.h"

namespace shard {

/// The root unit: the table, which is used at both ends, the positions and the last norm. Then the
/// blocks, `blocks` of them in a unit; the last unit may have fewer.
template <class Block>
std::vector<Unit> units_of(BasicGpt<Block>& model, int64_t blocks = 1) {
  require(blocks >= 1, "units of ", blocks, " blocks");
  Parameters root = model.parameters();
  std::vector<Unit> units;
  for (size_t first = 0; first < model.blocks.size(); first += static_cast<size_t>(blocks)) {
    const size_t end = std::min(model.blocks.size(), first + static_cast<size_t>(blocks));
    Unit& unit = units.emplace_back(Unit{model.blocks[first]->name, {}});
    for (size_t i = first; i < end; ++i) append(unit.parameters, model.blocks[i]->parameters());
    for (const Parameter* parameter : unit.parameters) std::erase(root, parameter);
  }
  units.insert(units.begin(), {"root", root});
  return units;
}

}  // namespace shard
