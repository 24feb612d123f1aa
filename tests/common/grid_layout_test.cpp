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

/// For each place on tp and pp, the ranks that differ in cp and dp only, in ascending order.
std::vector<std::vector<int>> data_ranks(const std::array<int, 4>& sizes,
                                         const std::vector<std::array<int, 4>>& places) {
  std::vector<std::vector<int>> all(static_cast<size_t>(sizes[0] * sizes[2]));
  for (size_t rank = 0; rank < places.size(); ++rank)
    all[static_cast<size_t>(places[rank][0] * sizes[2] + places[rank][2])].push_back(
        static_cast<int>(rank));
  return all;
}

uint64_t bits_of(const std::vector<int>& ranks) {
  uint64_t bits = 0;
  for (int rank : ranks) bits |= uint64_t{1} << rank;
  return bits;
}

/// The first thing that is wrong in the experts' groups on `ranks`. By construction: these are
/// dealt out e at a time, and each such hand is one ep group; the i-th of all hands are one edp
/// group.
std::string wrong_experts_on(const GridLayout& layout, const std::vector<int>& ranks, int ep) {
  std::vector<uint64_t> ep_groups, edp_groups(static_cast<size_t>(ep));
  for (size_t i = 0; i < ranks.size(); ++i) {
    const int number = static_cast<int>(i);
    if (layout.coordinate(ranks[i], "ep") != number % ep) return "ep";
    if (layout.coordinate(ranks[i], "edp") != number / ep) return "edp";
    if (number % ep == 0) ep_groups.push_back(0);
    ep_groups.back() |= uint64_t{1} << ranks[i];
    edp_groups[i % edp_groups.size()] |= uint64_t{1} << ranks[i];
  }
  for (size_t hand = 0; hand < ep_groups.size(); ++hand) {
    const int last = ranks[(hand + 1) * static_cast<size_t>(ep) - 1];
    if (bits_of(layout.group_of(last, {"ep"})) != ep_groups[hand]) return "ep group";
  }
  for (size_t i = 0; i < edp_groups.size(); ++i) {
    if (bits_of(layout.group_of(ranks[i], {"edp"})) != edp_groups[i]) return "edp group";
    for (uint64_t group : ep_groups)
      if (std::popcount(group & edp_groups[i]) != 1) return "ep and edp do not meet in one rank";
  }
  return layout.group_of(ranks.back(), {"edp", "ep"}) == ranks ? "" : "ep and edp together";
}

/// In one grid, for each number of ep ranks that it can have. Counts these in `grids`.
std::string wrong_experts_in(const std::array<int, 4>& sizes, const std::vector<size_t>& order,
                             int& grids) {
  const auto all = data_ranks(sizes, places_in(sizes, order));
  for (int ep = 1; ep <= sizes[1] * sizes[3]; ++ep) {
    if (sizes[1] * sizes[3] % ep != 0) continue;
    ++grids;
    GridLayout layout({{"tp", sizes[0]}, {"cp", sizes[1]}, {"pp", sizes[2]}, {"dp", sizes[3]}},
                      written(order));
    layout.fold({"cp", "dp"}, "ep", ep, "edp");
    for (const std::vector<int>& ranks : all) {
      const std::string here = wrong_experts_on(layout, ranks, ep);
      if (!here.empty())
        return text(here, " of ", ep, " in ", sizes[0], " × ", sizes[1], " × ", sizes[2], " × ",
                    sizes[3], ", ", written(order));
    }
  }
  return "";
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

TEST_CASE("grid layout: experts on the ranks of cp and dp, in every grid, order and number") {
  constexpr int most = 64;
  int grids = 0;
  std::string wrong;
  for (int tp = 1; tp <= most; ++tp) {
    for (int cp = 1; tp * cp <= most; ++cp) {
      for (int pp = 1; tp * cp * pp <= most; ++pp) {
        for (int dp = 1; tp * cp * pp * dp <= most; ++dp) {
          std::vector<size_t> order = {0, 1, 2, 3};
          do {
            // tp and pp play the same part here: half of the orders is all
            if (std::ranges::find(order, size_t{0}) > std::ranges::find(order, size_t{2})) continue;
            const std::string here = wrong_experts_in({tp, cp, pp, dp}, order, grids);
            if (wrong.empty()) wrong = here;
          } while (std::ranges::next_permutation(order).found);
        }
      }
    }
  }
  CHECK(wrong == "");
  CHECK(grids == 6'036 * 12);
}

TEST_CASE("grid layout: experts have the groups of another grid, if cp and dp are neighbours") {
  GridLayout folded({{"tp", 2}, {"cp", 2}, {"dp", 6}, {"pp", 2}}, "tp-cp-dp-pp");
  folded.fold({"cp", "dp"}, "ep", 3, "edp");
  const GridLayout plain({{"tp", 2}, {"cp", 3}, {"dp", 4}, {"pp", 2}}, "tp-cp-dp-pp");
  for (int rank = 0; rank < folded.ranks(); ++rank) {
    CHECK(folded.group_of(rank, {"ep"}) == plain.group_of(rank, {"cp"}));
    CHECK(folded.group_of(rank, {"tp", "edp"}) == plain.group_of(rank, {"tp", "dp"}));
    CHECK(folded.color(rank, {"pp", "ep"}) == plain.color(rank, {"pp", "cp"}));
  }
  CHECK(folded.name_of({"ep", "pp"}) == "pp-ep");
  CHECK(folded.size("edp") == 4);
  CHECK(folded.has("edp"));
  CHECK(!plain.has("edp"));
  CHECK(plain.has("cp"));
}

TEST_CASE("grid layout: Llama 3's example of 16 ranks in the order tp-cp-pp-dp") {
  // Llama Team, arXiv:2407.21783, figure 5
  const GridLayout layout({{"tp", 2}, {"cp", 2}, {"pp", 2}, {"dp", 2}}, "tp-cp-pp-dp");
  CHECK(layout.group_of(0, {"tp"}) == std::vector<int>{0, 1});
  CHECK(layout.group_of(0, {"cp"}) == std::vector<int>{0, 2});
  CHECK(layout.group_of(0, {"pp"}) == std::vector<int>{0, 4});
  CHECK(layout.group_of(0, {"dp"}) == std::vector<int>{0, 8});
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

TEST_CASE("grid: a fold cuts the ranks of two axes in another way, for every grid of some sizes") {
  for (const char* order : {"tp-cp-pp-dp", "dp-pp-tp-cp", "cp-tp-dp-pp"}) {
    for (const auto& [tp, cp, pp, dp] : std::vector<std::array<int, 4>>{
             {1, 2, 1, 3}, {2, 2, 2, 3}, {2, 3, 2, 2}, {1, 1, 1, 4}, {3, 4, 1, 1}, {2, 6, 3, 2}}) {
      for (int ep = 1; ep <= cp * dp; ++ep) {
        if (cp * dp % ep != 0) continue;
        GridLayout layout({{"tp", tp}, {"cp", cp}, {"pp", pp}, {"dp", dp}}, order);
        layout.fold({"dp", "cp"}, "ep", ep, "edp");
        INFO(order, ", tp ", tp, ", cp ", cp, ", pp ", pp, ", dp ", dp, ", ep ", ep);
        CHECK(layout.size("ep") == ep);
        CHECK(layout.size("edp") == cp * dp / ep);
        for (int rank = 0; rank < layout.ranks(); ++rank) {
          const std::vector<int> data = layout.group_of(rank, {"cp", "dp"});
          const auto number = std::ranges::find(data, rank) - data.begin();
          CHECK(layout.coordinate(rank, "ep") == number % ep);
          CHECK(layout.coordinate(rank, "edp") == number / ep);
          std::vector<int> peers, replicas;  // by the definition
          for (int i = 0; i < std::ssize(data); ++i) {
            if (i / ep == number / ep) peers.push_back(data[i]);
            if (i % ep == number % ep) replicas.push_back(data[i]);
          }
          CHECK(layout.group_of(rank, {"ep"}) == peers);
          CHECK(layout.group_of(rank, {"edp"}) == replicas);
          CHECK(layout.group_of(rank, {"ep", "edp"}) == data);
          CHECK(layout.color(rank, {"ep"}) == peers.front());
          CHECK(layout.color(rank, {"edp"}) == replicas.front());
          std::vector<int> with_tp;
          for (int peer : peers)
            for (int member : layout.group_of(peer, {"tp"})) with_tp.push_back(member);
          std::ranges::sort(with_tp);
          CHECK(layout.group_of(rank, {"tp", "ep"}) == with_tp);
        }
      }
    }
  }
}

TEST_CASE("grid: folds that cannot be") {
  GridLayout layout({{"tp", 2}, {"cp", 2}, {"dp", 3}});
  CHECK(message_of([&] {
          layout.fold({"cp", "dp"}, "ep", 4, "edp");
        }) == "axis ep of 4 ranks does not divide the 6 ranks of cp-dp");
  CHECK(contains(message_of([&] { layout.fold({"cp", "dp"}, "ep", 0, "edp"); }), "0 ranks"));
  CHECK(contains(message_of([&] { layout.fold({"cp", "xp"}, "ep", 2, "edp"); }), "no axis xp"));
  CHECK(contains(message_of([&] {
                   layout.fold({"cp", "dp"}, "tp", 2, "edp");
                 }),
                 "axis tp already"));
  layout.fold({"cp", "dp"}, "ep", 3, "edp");
  CHECK(layout.name_of({"ep", "tp"}) == "tp-ep");
  CHECK(contains(message_of([&] { layout.name_of({"ep", "dp"}); }), "not used beside dp"));
  CHECK(contains(message_of([&] { layout.fold({"dp"}, "ep", 3, "edp"); }), "axis ep already"));
}
