// expect: your expert_group_of is a run of neighbouring numbers
#include <algorithm>
#include <sstream>

#include "exercises/22_the_whole_grid/1_order_string.h"

namespace shard {

Place place_of(int rank, const Sizes& sizes, const std::string& order) {
  Place place;
  std::istringstream names(order);
  for (std::string axis; std::getline(names, axis, '-'); rank /= sizes.at(axis))
    place[axis] = rank % sizes.at(axis);
  return place;
}

std::vector<int> group_of(int rank, const std::vector<std::string>& axes, const Sizes& sizes,
                          const std::string& order) {
  const Place mine = place_of(rank, sizes, order);
  int ranks = 1;
  for (const auto& [axis, size] : sizes) ranks *= size;
  std::vector<int> group;
  for (int other = 0; other < ranks; ++other) {
    Place theirs = place_of(other, sizes, order);
    for (const std::string& axis : axes) theirs[axis] = mine.at(axis);
    if (theirs == mine) group.push_back(other);
  }
  return group;
}

std::vector<int> expert_group_of(int rank, int experts, const Sizes&, const std::string&) {
  std::vector<int> group;
  for (int i = 0; i < experts; ++i) group.push_back(rank / experts * experts + i);
  return group;
}

}  // namespace shard
