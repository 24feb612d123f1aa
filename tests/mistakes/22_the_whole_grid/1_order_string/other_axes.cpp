// expect: your group_of is that of all other axes
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
    bool agrees = true;
    for (const std::string& axis : axes) agrees = agrees && theirs[axis] == mine.at(axis);
    if (agrees) group.push_back(other);
  }
  return group;
}

static std::vector<int> data_ranks(int rank, const Sizes& sizes, const std::string& order) {
  const Place mine = place_of(rank, sizes, order);
  std::vector<int> all;
  for (int other = 0; other < sizes.at("tp") * sizes.at("cp") * sizes.at("pp") * sizes.at("dp");
       ++other) {
    const Place theirs = place_of(other, sizes, order);
    if (theirs.at("tp") == mine.at("tp") && theirs.at("pp") == mine.at("pp")) all.push_back(other);
  }
  return all;
}

std::vector<int> expert_group_of(int rank, int experts, const Sizes& sizes,
                                 const std::string& order) {
  const std::vector<int> all = data_ranks(rank, sizes, order);
  const auto index = std::ranges::find(all, rank) - all.begin();
  const auto begin = all.begin() + index / experts * experts;
  return {begin, begin + std::min<std::ptrdiff_t>(experts, all.end() - begin)};
}

}  // namespace shard
