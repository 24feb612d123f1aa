// expect: your group_of is a run of neighbouring numbers
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
                          const std::string&) {
  int size = 1;
  for (const std::string& axis : axes) size *= sizes.at(axis);
  std::vector<int> group;
  for (int i = 0; i < size; ++i) group.push_back(rank / size * size + i);
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
