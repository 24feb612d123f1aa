#include "chapters/16_fully_sharded/gpt_units.h"

namespace shard {

/// "h.3" of "h.3.ln_1.weight"; "" of what is in no block.
static std::string block_of(const Parameter& parameter) {
  const std::string& name = parameter.name;
  return name.starts_with("h.") ? name.substr(0, name.find('.', 2)) : "";
}

std::vector<Unit> units_of(const Parameters& model, int64_t blocks) {
  require(blocks >= 1, "units of ", blocks, " blocks");
  std::vector<Unit> units{{"root", {}}};
  std::string block;  // of the parameter before
  int64_t blocks_so_far = 0;
  for (Parameter* parameter : model) {
    const std::string name = block_of(*parameter);
    if (!name.empty() && name != block && blocks_so_far++ % blocks == 0)
      units.push_back({name, {}});
    block = name;
    (name.empty() ? units.front() : units.back()).parameters.push_back(parameter);
  }
  return units;
}

}  // namespace shard
