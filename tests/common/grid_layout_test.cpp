// The arithmetic of the grid, for every grid of up to 64 ranks of four axes in every order: groups
// are sets of bits, made here from the coordinates of all ranks.
// CPU only.
#include <algorithm>
#include <array>
#include <bit>

#include "common/comm/grid.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

const std::vector<std::string> names = {"tp", "cp", "pp", "dp"};
constexpr unsigned subsets = 16;  // of four axes

Axes axes_of(unsigned subset) {
  Axes axes;
  for (size_t i = 0; i < names.size(); ++i)
    if ((subset >> i & 1) != 0) axes.push_back(names[i]);
  return axes;
}

/// For every rank and every subset of axes, the ranks of its group, by the layout.
using Groups = std::vector<std::array<uint64_t, subsets>>;

Groups groups_of(const GridLayout& layout) {
  const auto ranks = static_cast<int>(layout.ranks());
  Groups groups(static_cast<size_t>(ranks));
  for (unsigned subset = 1; subset < subsets; ++subset) {
    const Axes axes = axes_of(subset);
    uint64_t seen = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      if ((seen >> rank & 1) != 0) continue;
      uint64_t group = 0;
      for (int member : layout.group_of(rank, axes)) group |= uint64_t{1} << member;
      for (int member = 0; member < ranks; ++member)
        if ((group >> member & 1) != 0) groups[static_cast<size_t>(member)][subset] = group;
      seen |= group;
    }
  }
  return groups;
}

/// By axis and coordinate, the ranks that have it.
using Planes = std::array<std::vector<uint64_t>, 4>;

Planes planes_of(const std::array<int, 4>& sizes, const std::vector<std::array<int, 4>>& places) {
  Planes planes;
  for (size_t i = 0; i < 4; ++i) {
    planes[i].resize(static_cast<size_t>(sizes[i]));
    for (size_t rank = 0; rank < places.size(); ++rank)
      planes[i][static_cast<size_t>(places[rank][i])] |= uint64_t{1} << rank;
  }
  return planes;
}

/// The group by its definition: the ranks with the same coordinates on all other axes.
uint64_t defined_group(const Planes& planes, const std::array<int, 4>& place, unsigned subset) {
  uint64_t group = ~uint64_t{0};
  for (size_t i = 0; i < 4; ++i)
    if ((subset >> i & 1) == 0) group &= planes[i][static_cast<size_t>(place[i])];
  if (subset == subsets - 1)  // no other axis: all ranks
    for (group = 0; uint64_t plane : planes[0]) group |= plane;
  return group;
}

/// Whether any two groups of disjoint sets of axes meet in one rank at most, and in exactly one if
/// both sets together are all axes.
bool meet_as_they_should(const Groups& groups) {
  for (unsigned a = 1; a < subsets; ++a) {
    for (unsigned b = 1; b < subsets; ++b) {
      if ((a & b) != 0) continue;
      const int least = (a | b) == subsets - 1 ? 1 : 0;
      uint64_t seen_of_a = 0;
      for (size_t i = 0; i < groups.size(); ++i) {
        if ((seen_of_a >> i & 1) != 0) continue;
        seen_of_a |= groups[i][a];
        uint64_t seen_of_b = 0;
        for (size_t j = 0; j < groups.size(); ++j) {
          if ((seen_of_b >> j & 1) != 0) continue;
          seen_of_b |= groups[j][b];
          const int meet = std::popcount(groups[i][a] & groups[j][b]);
          if (meet > 1 || meet < least) return false;
        }
      }
    }
  }
  return true;
}

/// All ranks' coordinates, by counting: the first axis of the order varies fastest.
std::vector<std::array<int, 4>> places_in(const std::array<int, 4>& sizes,
                                          const std::vector<size_t>& order) {
  std::vector<std::array<int, 4>> places;
  std::array<int, 4> at{};
  while (true) {
    places.push_back(at);
    size_t digit = 0;
    while (digit < 4 && ++at[order[digit]] == sizes[order[digit]]) at[order[digit++]] = 0;
    if (digit == 4) return places;
  }
}

std::string written(const std::vector<size_t>& order) {
  std::string all;
  for (size_t i : order) all += (all.empty() ? "" : "-") + names[i];
  return all;
}

/// The first thing that is wrong in one grid; "" for nothing.
std::string wrong_in(const std::array<int, 4>& sizes, const std::vector<size_t>& order,
                     bool meetings) {
  const GridLayout layout({{"tp", sizes[0]}, {"cp", sizes[1]}, {"pp", sizes[2]}, {"dp", sizes[3]}},
                          written(order));
  const auto places = places_in(sizes, order);
  if (layout.ranks() != std::ssize(places)) return "number of ranks";
  const Groups groups = groups_of(layout);
  const Planes planes = planes_of(sizes, places);
  for (size_t rank = 0; rank < places.size(); ++rank) {
    AxisSizes place;
    for (size_t i = 0; i < 4; ++i) {
      place[names[i]] = places[rank][i];
      if (layout.coordinate(static_cast<int>(rank), names[i]) != places[rank][i])
        return "coordinate";
    }
    if (layout.rank_of(place) != static_cast<int>(rank)) return "rank";
    for (unsigned subset = 1; subset < subsets; ++subset)
      if (groups[rank][subset] != defined_group(planes, places[rank], subset)) return "group";
  }
  return !meetings || meet_as_they_should(groups) ? "" : "two groups meet wrongly";
}

}  // namespace

TEST_CASE("grid layout: places and groups of every grid of up to 64 ranks, in every order") {
  constexpr int most = 64;
  int grids = 0;
  std::string wrong;
  for (int tp = 1; tp <= most; ++tp) {
    for (int cp = 1; tp * cp <= most; ++cp) {
      for (int pp = 1; tp * cp * pp <= most; ++pp) {
        for (int dp = 1; tp * cp * pp * dp <= most; ++dp) {
          std::vector<size_t> order = {0, 1, 2, 3};
          do {
            // another order renames ranks only
            const bool meetings = std::ranges::is_sorted(order);
            const std::string here = wrong_in({tp, cp, pp, dp}, order, meetings);
            if (!here.empty() && wrong.empty())
              wrong = text(here, " in ", tp, " × ", cp, " × ", pp, " × ", dp, ", ", written(order));
            ++grids;
          } while (std::ranges::next_permutation(order).found);
        }
      }
    }
  }
  CHECK(wrong == "");
  CHECK(grids == 1'824 * 24);
}

TEST_CASE("grid layout: Megatron-LM's example of 16 ranks in the order tp-dp-pp") {
  // megatron/core/parallel_state.py, initialize_model_parallel: tensor 2, pipeline 4
  const GridLayout layout({{"tp", 2}, {"pp", 4}, {"dp", 2}}, "tp-dp-pp");
  CHECK(layout.group_of(1, {"tp"}) == std::vector<int>{0, 1});
  CHECK(layout.group_of(13, {"dp"}) == std::vector<int>{13, 15});
  CHECK(layout.group_of(0, {"pp"}) == std::vector<int>{0, 4, 8, 12});
  CHECK(layout.group_of(7, {"pp", "tp"}) == std::vector<int>{2, 3, 6, 7, 10, 11, 14, 15});
  CHECK(layout.name_of({"pp", "tp"}) == "tp-pp");
  CHECK(layout.color(7, {"pp", "tp"}) == 2);
}

TEST_CASE("grid layout: what is no grid is refused") {
  const GridLayout layout({{"tp", 2}, {"dp", 3}});
  CHECK(layout.size("pp") == 1);
  CHECK(message_of([&] { layout.size("ep"); }) == "the grid has no axis ep");
  CHECK(message_of([&] { layout.group_of(0, {}); }) == "(nothing was thrown)");
  CHECK(message_of([&] { layout.name_of({}); }) == "a group of a grid needs an axis");
  CHECK(message_of([&] {
          layout.rank_of({{"dp", 3}});
        }) == "the grid has no coordinate 3 on axis dp of 3");
  CHECK(message_of([] { GridLayout({{"ep", 2}}); }) == "the grid has no axis ep");
  CHECK(message_of([] { GridLayout({{"tp", 0}}); }) == "a grid's axis tp has 0 ranks");
  for (const char* order : {"tp-tp", "tp--dp", ""})
    CHECK(message_of([=] { GridLayout({}, order); }) ==
          text("the order \"", order, "\" does not name each axis once"));
  CHECK(contains(message_of([] { GridLayout({{"tp", 1 << 30}, {"dp", 1 << 30}}); }), "too large"));
}
