#include "common/comm/data_ranks.h"

#include <algorithm>

namespace shard {

const Axes& axes_of_data_ranks() {
  static const Axes axes{"cp", "dp", "edp"};
  return axes;
}

std::vector<Communicator*> groups_of_data_ranks(Grid& grid) {
  std::vector<Communicator*> groups{&grid.data()};
  if (grid.layout().has("edp")) groups.push_back(&grid.group({"edp"}));
  return groups;
}

Communicator& data_ranks_of(Grid& grid, const Parameter& parameter) {
  std::string with, without;
  for (const std::string& axis : Grid::data_axes())
    if (grid.size(axis) > 1) (parameter.is_partial_over(axis) ? with : without) = axis;
  if (parameter.is_partial_over("edp")) {
    require(with.empty(), parameter.name, " is partial over edp and ", with,
            ", which have the same ranks");
    return grid.group({"edp"});
  }
  require(parameter.is_partial_over("dp") || !with.empty(), parameter.name,
          " is not partial over dp: no ranks add up its gradient from different tokens");
  require(with.empty() || without.empty(), parameter.name, " is partial over ", with,
          " but not over ", without, ", and both are reduced together");
  return grid.data();
}

bool is_partial_over_others(const Grid& grid, const Parameter& parameter) {
  return std::ranges::any_of(parameter.partial_over, [&](const std::string& axis) {
    return std::ranges::count(axes_of_data_ranks(), axis) == 0 && grid.size(axis) > 1;
  });
}

}  // namespace shard
