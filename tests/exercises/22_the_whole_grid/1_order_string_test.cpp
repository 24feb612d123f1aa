// Places on grids of up to 36 ranks in every order of four axes, and groups in some of the orders;
// the right side is made by counting through all coordinates.
#include "exercises/22_the_whole_grid/1_order_string.h"

#include <algorithm>
#include <functional>
#include <sstream>

#include "tests/exercises/answers.h"

namespace shard {
namespace {

using Axes = std::vector<std::string>;

struct GridCase {
  Sizes sizes;
  Axes order;
  std::string name() const {
    std::string all;
    for (const std::string& axis : order) all += (all.empty() ? "" : "-") + axis;
    return all;
  }
  std::string shown() const {
    std::string all;
    for (const std::string& axis : order)
      all += text(all.empty() ? "" : " × ", axis, " ", sizes.at(axis));
    return text(all, " in the order ", name());
  }
};

/// All sizes different where they can be, and 1 among them; every order.
std::vector<GridCase> cases() {
  std::vector<GridCase> all;
  for (const auto& [tp, cp, pp, dp] : std::vector<std::tuple<int, int, int, int>>{
           {2, 3, 1, 4}, {3, 2, 2, 3}, {1, 4, 3, 2}, {2, 2, 3, 1}, {4, 1, 2, 3}, {1, 1, 1, 5}}) {
    Axes order{"cp", "dp", "pp", "tp"};
    do all.push_back({{{"tp", tp}, {"cp", cp}, {"pp", pp}, {"dp", dp}}, order});
    while (std::ranges::next_permutation(order).found);
  }
  return all;
}

/// Some of them, with each axis in each place.
std::vector<GridCase> some_cases() {
  const std::vector<GridCase> all = cases();
  std::vector<GridCase> some;
  for (size_t i = 0; i < all.size(); i += 7) some.push_back(all[i]);
  return some;
}

/// The places of all ranks, by counting: the first axis of `order` goes up with every rank.
std::vector<Place> counted(const Sizes& sizes, const Axes& order) {
  std::vector<Place> places;
  Place at;
  for (const std::string& axis : order) at[axis] = 0;
  while (true) {
    places.push_back(at);
    size_t digit = 0;
    while (digit < order.size() && ++at[order[digit]] == sizes.at(order[digit]))
      at[order[digit++]] = 0;
    if (digit == order.size()) return places;
  }
}

/// Some way, right or wrong, to number ranks.
using Places = std::function<std::vector<Place>(const GridCase&)>;

std::vector<Place> right_places(const GridCase& one) { return counted(one.sizes, one.order); }
std::vector<Place> from_the_back(const GridCase& one) {
  return counted(one.sizes, Axes(one.order.rbegin(), one.order.rend()));
}
std::vector<Place> always_default(const GridCase& one) {
  return counted(one.sizes, {"tp", "cp", "pp", "dp"});
}
std::vector<Place> alphabetical(const GridCase& one) {
  return counted(one.sizes, {"cp", "dp", "pp", "tp"});
}

std::string shown_place(const Place& place) {
  std::string all;
  for (const auto& [axis, at] : place) all += text(all.empty() ? "" : ", ", axis, " ", at);
  return "(" + all + ")";
}

void expect_places(Examiner& examiner) {
  using Answer = std::vector<std::vector<Place>>;
  const auto all = [](const Places& places) {
    Answer answer;
    for (const GridCase& one : cases()) answer.push_back(places(one));
    return answer;
  };
  std::string difference;
  const Answer got = all([&](const GridCase& one) {
    const std::vector<Place> right = right_places(one);
    std::vector<Place> places;
    for (int rank = 0; rank < std::ssize(right); ++rank) {
      places.push_back(place_of(rank, one.sizes, one.name()));
      if (difference.empty() && places.back() != right[static_cast<size_t>(rank)])
        difference = text("on ", one.shown(), " your place_of rank ", rank, " is ",
                          shown_place(places.back()), ", expected ",
                          shown_place(right[static_cast<size_t>(rank)]));
    }
    return places;
  });
  const auto digits = [](const std::function<int(int rank, int step, int size)>& digit) {
    return [digit](const GridCase& one) {
      std::vector<Place> places = right_places(one);
      for (size_t rank = 0; rank < places.size(); ++rank) {
        int step = 1;
        for (const std::string& axis : one.order) {
          places[rank][axis] = digit(static_cast<int>(rank), step, one.sizes.at(axis));
          step *= one.sizes.at(axis);
        }
      }
      return places;
    };
  };
  expect_answer<Answer>(
      examiner, "place_of", got, all(right_places),
      {{"right for the reversed order: the last axis varies fastest", all(from_the_back)},
       {"always that of the order tp-cp-pp-dp: the order string was not read", all(always_default)},
       {"right for the axes in alphabetical order, in which a map has them: go through the order "
        "string",
        all(alphabetical)},
       {"without the remainder: an axis goes on counting where the next one goes up",
        all(digits([](int rank, int step, int) { return rank / step; }))},
       {"the remainder of the whole rank on each axis: divide by the sizes before it first",
        all(digits([](int rank, int, int size) { return rank % size; }))}},
      difference);
}

// ---- Groups -------------------------------------------------------------------------------------

using Groups = std::vector<std::vector<int>>;

/// The ranks whose places are equal on all axes but these.
std::vector<int> defined_group(const std::vector<Place>& places, int rank, const Axes& axes) {
  std::vector<int> group;
  for (int other = 0; other < std::ssize(places); ++other) {
    Place theirs = places[static_cast<size_t>(other)];
    for (const std::string& axis : axes) theirs[axis] = places[static_cast<size_t>(rank)].at(axis);
    if (theirs == places[static_cast<size_t>(rank)]) group.push_back(other);
  }
  return group;
}

const std::vector<Axes>& kinds() {
  static const std::vector<Axes> all{{"tp"},       {"cp"},       {"pp"},       {"dp"},
                                     {"cp", "dp"}, {"dp", "cp"}, {"pp", "tp"}, {"dp", "tp", "cp"}};
  return all;
}

/// Whether an axis is the only one, the first or the last of a kind.
Axes others(const Axes& axes) {
  Axes rest;
  for (const char* axis : {"tp", "cp", "pp", "dp"})
    if (std::ranges::find(axes, axis) == axes.end()) rest.emplace_back(axis);
  return rest;
}

void expect_groups(Examiner& examiner) {
  const auto all = [](const std::function<std::vector<int>(const GridCase&, const Axes&, int,
                                                           const std::vector<Place>&)>& group) {
    Groups groups;
    for (const GridCase& one : some_cases()) {
      const std::vector<Place> places = right_places(one);
      for (const Axes& axes : kinds())
        for (int rank = 0; rank < std::ssize(places); rank += 5)
          groups.push_back(group(one, axes, rank, places));
    }
    return groups;
  };
  const auto along = [&](const std::function<Axes(const Axes&)>& changed) {
    return all([&](const GridCase&, const Axes& axes, int rank, const std::vector<Place>& places) {
      return defined_group(places, rank, changed(axes));
    });
  };
  std::string difference;
  const Groups got =
      all([&](const GridCase& one, const Axes& axes, int rank, const std::vector<Place>& places) {
        const std::vector<int> group = group_of(rank, axes, one.sizes, one.name()),
                               right = defined_group(places, rank, axes);
        if (difference.empty() && group != right) {
          std::string names;
          for (const std::string& axis : axes) names += (names.empty() ? "" : " and ") + axis;
          difference = text("on ", one.shown(), " your group_of rank ", rank, " along ", names,
                            " is ", shown(group), ", expected ", shown(right));
        }
        return group;
      });
  expect_answer<Groups>(
      examiner, "group_of", got, along([](const Axes& axes) { return axes; }),
      {{"that of all other axes: the members of a tp group differ in tp, and agree elsewhere",
        along(others)},
       {"right for one axis; of several, only the first counts",
        along([](const Axes& axes) { return Axes{axes.front()}; })},
       {"right for one axis; of several, only the last counts",
        along([](const Axes& axes) { return Axes{axes.back()}; })},
       {"without the rank itself: it is a member of its group",
        all([](const GridCase&, const Axes& axes, int rank, const std::vector<Place>& places) {
          std::vector<int> group = defined_group(places, rank, axes);
          std::erase(group, rank);
          return group;
        })},
       {"a run of neighbouring numbers: only along the fastest axis are they neighbours",
        all([](const GridCase&, const Axes& axes, int rank, const std::vector<Place>& places) {
          const auto size = static_cast<int>(defined_group(places, rank, axes).size());
          std::vector<int> group;
          for (int i = 0; i < size; ++i) group.push_back(rank / size * size + i);
          return group;
        })}},
      difference);
}

// ---- Experts ------------------------------------------------------------------------------------

void expect_experts(Examiner& examiner) {
  using Group =
      std::function<std::vector<int>(const std::vector<int>& data_ranks, int rank, int e)>;
  const auto all = [](const std::function<std::vector<int>(const GridCase&, const std::vector<int>&,
                                                           int rank, int e)>& group) {
    Groups groups;
    for (const GridCase& one : some_cases()) {
      const std::vector<Place> places = right_places(one);
      for (int rank = 0; rank < std::ssize(places); rank += 5) {
        const std::vector<int> data = defined_group(places, rank, {"cp", "dp"});
        for (int e = 1; e <= std::ssize(data); ++e)
          if (std::ssize(data) % e == 0) groups.push_back(group(one, data, rank, e));
      }
    }
    return groups;
  };
  const auto on_data = [&](const Group& group) {
    return all([&](const GridCase&, const std::vector<int>& data, int rank, int e) {
      return group(data, rank, e);
    });
  };
  const auto index_in = [](const std::vector<int>& data, int rank) {
    return static_cast<int>(std::ranges::find(data, rank) - data.begin());
  };
  const Group right = [&](const std::vector<int>& data, int rank, int e) {
    const auto begin = data.begin() + index_in(data, rank) / e * e;
    return std::vector<int>(begin, begin + e);
  };
  std::string difference;
  const Groups got = all([&](const GridCase& one, const std::vector<int>& data, int rank, int e) {
    const std::vector<int> group = expert_group_of(rank, e, one.sizes, one.name());
    if (difference.empty() && group != right(data, rank, e))
      difference = text("on ", one.shown(), " your expert_group_of rank ", rank, " with ", e,
                        " ep ranks is ", shown(group), ", expected ", shown(right(data, rank, e)));
    return group;
  });
  expect_answer<Groups>(
      examiner, "expert_group_of", got, on_data(right),
      {{"the edp group: the ranks with the same experts go in steps of `experts`, those with "
        "different ones follow each other",
        on_data([&](const std::vector<int>& data, int rank, int e) {
          std::vector<int> group;
          for (size_t i = 0; i < data.size(); ++i)
            if (static_cast<int>(i) % e == index_in(data, rank) % e) group.push_back(data[i]);
          return group;
        })},
       {"a run of neighbouring numbers: they are neighbours among the ranks of cp and dp only",
        on_data([](const std::vector<int>&, int rank, int e) {
          std::vector<int> group;
          for (int i = 0; i < e; ++i) group.push_back(rank / e * e + i);
          return group;
        })},
       {"all ranks of cp and dp, whatever the number of experts' ranks",
        on_data([](const std::vector<int>& data, int, int) { return data; })},
       {"the first `experts` ranks of cp and dp, for every rank",
        on_data([](const std::vector<int>& data, int, int e) {
          return std::vector<int>(data.begin(), data.begin() + e);
        })},
       {"the ranks with other numbers of equal parts: a run has `experts` ranks, and there are as "
        "many runs as fit, not the reverse",
        on_data([&](const std::vector<int>& data, int rank, int e) {
          const int length = static_cast<int>(data.size()) / e;
          const auto begin = data.begin() + index_in(data, rank) / length * length;
          return std::vector<int>(begin, begin + length);
        })}},
      difference);
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("place_of", [&] { expect_places(examiner); });
  examiner.attempt("group_of", [&] { expect_groups(examiner); });
  examiner.attempt("expert_group_of", [&] { expect_experts(examiner); });
}

}  // namespace shard
