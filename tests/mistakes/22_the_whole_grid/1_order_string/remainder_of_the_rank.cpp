// expect: your place_of is the remainder of the whole rank on each axis
#include <algorithm>
#include <sstream>

#include "exercises/22_the_whole_grid/1_order_string.h"

namespace shard {

Place place_of(int rank, const Sizes& sizes, const std::string& order) {
  Place place;
  std::istringstream names(order);
  for (std::string axis; std::getline(names, axis, '-');) place[axis] = rank % sizes.at(axis);
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

std::vector<int> expert_group_of(int rank, int experts, const Sizes& sizes,
                                 const std::string& order) {
  const std::vector<int> all = group_of(rank, {"cp", "dp"}, sizes, order);
  const auto index = std::ranges::find(all, rank) - all.begin();
  const auto begin = all.begin() + index / experts * experts;
  return {begin, begin + std::min<std::ptrdiff_t>(experts, all.end() - begin)};
}

}  // namespace shard
