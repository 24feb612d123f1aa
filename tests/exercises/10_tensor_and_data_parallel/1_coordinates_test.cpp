#include "exercises/10_tensor_and_data_parallel/1_coordinates.h"

#include <algorithm>
#include <functional>

#include "tests/exercises/answers.h"

namespace shard {
namespace {

std::string shown(const Coordinates& c) {
  return text("(tp ", c.tp, ", cp ", c.cp, ", dp ", c.dp, ")");
}
std::string shown(const GridSizes& s) { return text("tp ", s.tp, " × cp ", s.cp, " × dp ", s.dp); }
std::string shown(const Along& along) {
  return text(along.tp ? "tp" : "", along.tp && (along.cp || along.dp) ? " and " : "",
              along.cp ? "cp" : "", along.cp && along.dp ? " and " : "", along.dp ? "dp" : "");
}

constexpr Along kinds[] = {{true, false, false}, {false, true, false}, {false, false, true},
                           {true, true, false},  {true, false, true},  {false, true, true}};
constexpr GridSizes grid{2, 3, 4};  // of 24 ranks that exist on paper only

/// The right coordinates of all ranks, by counting.
std::vector<Coordinates> counted(GridSizes sizes) {
  std::vector<Coordinates> all;
  for (int dp = 0; dp < sizes.dp; ++dp) {
    for (int cp = 0; cp < sizes.cp; ++cp) {
      for (int tp = 0; tp < sizes.tp; ++tp) all.push_back({tp, cp, dp});
    }
  }
  return all;
}

void expect_coordinates(Examiner& examiner) {
  const auto all = [](const std::function<Coordinates(int)>& value) {
    std::vector<Coordinates> values;
    for (int rank = 0; rank < 24; ++rank) values.push_back(value(rank));
    return values;
  };
  const std::vector<Coordinates> expected = counted(grid);
  const std::vector<Coordinates> got = all([&](int rank) { return coordinates_of(rank, grid); });
  std::string difference;
  for (size_t rank = 0; rank < got.size() && difference.empty(); ++rank) {
    if (got[rank] == expected[rank]) continue;
    difference = text("on ", shown(grid), " your coordinates_of rank ", rank, " is ",
                      shown(got[rank]), ", expected ", shown(expected[rank]));
  }
  const auto [tp, cp, dp] = grid;
  expect_answer<std::vector<Coordinates>>(
      examiner, "coordinates_of", got, expected,
      {{"right for the order dp, cp, tp: dp varies fastest, and the ranks of a tp group are no "
        "neighbours",
        all([=](int rank) {
          return Coordinates{rank / (dp * cp), rank / dp % cp, rank % dp};
        })},
       {"right for the order tp, dp, cp: the second dimension to vary is cp", all([=](int rank) {
          return Coordinates{rank % tp, rank / (tp * dp), rank / tp % dp};
        })},
       {"right except for cp, which keeps counting where dp increases: rank / tp still needs its "
        "remainder by cp",
        all([=](int rank) {
          return Coordinates{rank % tp, rank / tp, rank / (tp * cp)};
        })},
       {"right except for cp, which is the remainder of the rank itself: the ranks of a tp group "
        "share one cp, so divide by tp first",
        all([=](int rank) {
          return Coordinates{rank % tp, rank % cp, rank / (tp * cp)};
        })},
       {"right except for dp, which increases with every cp: divide by tp · cp", all([=](int rank) {
          return Coordinates{rank % tp, rank / tp % cp, rank / tp};
        })}},
      difference);
}

void expect_ranks(Examiner& examiner) {
  const std::vector<Coordinates> coordinates = counted(grid);
  const auto all = [&](const std::function<int(Coordinates)>& value) {
    std::vector<int> values;
    for (const Coordinates& c : coordinates) values.push_back(value(c));
    return values;
  };
  std::vector<int> expected;
  for (int rank = 0; rank < 24; ++rank) expected.push_back(rank);
  const std::vector<int> got = all([&](Coordinates c) { return rank_of(c, grid); });
  std::string difference;
  for (size_t rank = 0; rank < got.size() && difference.empty(); ++rank) {
    if (got[rank] == expected[rank]) continue;
    difference = text("on ", shown(grid), " your rank_of ", shown(coordinates[rank]), " is ",
                      got[rank], ", expected ", rank);
  }
  const auto [tp, cp, dp] = grid;
  expect_answer<std::vector<int>>(
      examiner, "rank_of", got, expected,
      {{"dp + (cp + tp · sizes.cp) · sizes.dp: dp varies fastest, and a tp group is spread over "
        "the machine",
        all([=](Coordinates c) { return c.dp + (c.cp + c.tp * cp) * dp; })},
       {"tp + (dp + cp · sizes.dp) · sizes.tp: the second dimension to vary is cp",
        all([=](Coordinates c) { return c.tp + (c.dp + c.cp * dp) * tp; })},
       {"tp + cp · sizes.tp + dp · sizes.cp: from one dp to the next it is sizes.tp · sizes.cp "
        "ranks; otherwise several coordinates share a rank",
        all([=](Coordinates c) { return c.tp + c.cp * tp + c.dp * cp; })},
       {"tp + cp · sizes.cp + dp · sizes.cp · sizes.tp: from one cp to the next it is sizes.tp "
        "ranks",
        all([=](Coordinates c) { return c.tp + c.cp * cp + c.dp * cp * tp; })}},
      difference);
}

// ---- Groups -------------------------------------------------------------------------------------

using Group = std::vector<int>;

/// The ranks that agree with `rank` in all dimensions but those of `along`.
Group right_group(int rank, Along along, GridSizes sizes) {
  const std::vector<Coordinates> all = counted(sizes);
  const Coordinates mine = all[static_cast<size_t>(rank)];
  Group group;
  for (int other = 0; other < std::ssize(all); ++other) {
    const Coordinates c = all[static_cast<size_t>(other)];
    if ((along.tp || c.tp == mine.tp) && (along.cp || c.cp == mine.cp) &&
        (along.dp || c.dp == mine.dp)) {
      group.push_back(other);
    }
  }
  return group;
}

Along others(Along along) { return {!along.tp, !along.cp, !along.dp}; }
Along first_of(Along along) {
  return {along.tp, along.cp && !along.tp, along.dp && !along.tp && !along.cp};
}
Along last_of(Along along) {
  return {along.tp && !along.cp && !along.dp, along.cp && !along.dp, along.dp};
}

/// Groups of all kinds: one answer, so that a mistake must show itself everywhere as it would.
struct Case {
  int rank;
  Along along;
  GridSizes sizes;
};

std::vector<Group> answers(const std::vector<Case>& cases,
                           const std::function<Group(const Case&)>& group_of) {
  std::vector<Group> groups;
  for (const Case& one : cases) groups.push_back(group_of(one));
  return groups;
}

std::string first_difference(const std::vector<Case>& cases, const std::vector<Group>& got,
                             const std::vector<Group>& expected) {
  for (size_t i = 0; i < cases.size(); ++i) {
    if (got[i] == expected[i]) continue;
    return text("on ", shown(cases[i].sizes), " the group of rank ", cases[i].rank, " along ",
                shown(cases[i].along), " is ", shard::shown(expected[i]), ", yours is ",
                shard::shown(got[i]));
  }
  return "";
}

std::vector<Group> right_groups(const std::vector<Case>& cases) {
  return answers(cases, [](const Case& c) { return right_group(c.rank, c.along, c.sizes); });
}

void expect_groups_of_24(Examiner& examiner) {
  std::vector<Case> cases;
  for (const Along along : kinds) {
    for (int rank = 0; rank < 24; ++rank) cases.push_back({rank, along, grid});
  }
  const auto all = [&](const std::function<Group(const Case&)>& group_of) {
    return answers(cases, group_of);
  };
  const std::vector<Group> got =
      all([](const Case& c) { return ranks_along(c.rank, c.along, c.sizes); });
  const std::vector<Group> expected = right_groups(cases);
  expect_answer<std::vector<Group>>(
      examiner, "ranks_along", got, expected,
      {{"inverted: you list the ranks that agree in the dimensions of `along` and differ in the "
        "others. The members of a tp group, for example, differ in tp",
        all([](const Case& c) { return right_group(c.rank, others(c.along), c.sizes); })},
       {"right for one dimension; of two, only the first counts. Ranks along cp and dp may differ "
        "in both at once: otherwise the gradients from some tokens are left out of the sum",
        all([](const Case& c) { return right_group(c.rank, first_of(c.along), c.sizes); })},
       {"right for one dimension; of two, only the last counts. Ranks along cp and dp may differ "
        "in both at once: otherwise the gradients from some tokens are left out of the sum",
        all([](const Case& c) { return right_group(c.rank, last_of(c.along), c.sizes); })},
       {"always a block of neighbouring ranks: that is right along tp, but along cp and dp ranks "
        "go in steps",
        all([](const Case& c) {
          const auto size = static_cast<int>(right_group(c.rank, c.along, c.sizes).size());
          Group block;
          for (int i = 0; i < size; ++i) block.push_back(c.rank / size * size + i);
          return block;
        })},
       {"right except for the rank itself, which belongs to its group, too", all([](const Case& c) {
          Group group = right_group(c.rank, c.along, c.sizes);
          std::erase(group, c.rank);
          return group;
        })}},
      first_difference(cases, got, expected));
}

/// The members of the groups that the learner creates from the running ranks.
void expect_groups_of_this_run(Examiner& examiner) {
  Communicator& world = examiner.world();
  std::vector<Case> cases;
  for (int tp = 1; tp <= world.size(); ++tp) {
    for (int cp = 1; cp <= world.size(); ++cp) {
      if (world.size() % (tp * cp) != 0) continue;
      for (const Along along : kinds)
        cases.push_back({world.rank(), along, {tp, cp, world.size() / (tp * cp)}});
    }
  }
  const std::vector<Group> got = answers(cases, [&](const Case& c) {
    const std::unique_ptr<Communicator> made =
        group_along(world, c.along, c.sizes, "along " + shown(c.along));
    Group group;
    if (!made) return group;
    for (const std::string& rank : examiner.gather_text(*made, text(world.rank())))
      group.push_back(std::stoi(rank));
    return group;
  });
  const std::vector<Group> expected = right_groups(cases);
  Group everyone;
  for (int rank = 0; rank < world.size(); ++rank) everyone.push_back(rank);
  expect_answer<std::vector<Group>>(
      examiner, "group_along", got, expected,
      {{"inverted: ranks that agree in the dimensions of `along` are grouped. The color must "
        "encode what the members of a group have in common: the other dimensions",
        answers(cases,
                [](const Case& c) { return right_group(c.rank, others(c.along), c.sizes); })},
       {"always the whole world: groups that should be separate have the same color",
        answers(cases, [&](const Case&) { return everyone; })},
       {"always this rank alone: the members of a group must use the same color",
        answers(cases, [](const Case& c) { return Group{c.rank}; })},
       {"right along one dimension; of two, only the first counts",
        answers(cases,
                [](const Case& c) { return right_group(c.rank, first_of(c.along), c.sizes); })}},
      first_difference(cases, got, expected));
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("coordinates_of", [&] { expect_coordinates(examiner); });
  examiner.attempt("rank_of", [&] { expect_ranks(examiner); });
  examiner.attempt("ranks_along", [&] { expect_groups_of_24(examiner); });
  examiner.attempt("group_along", [&] {
    const Ledger before = examiner.ledger();
    expect_groups_of_this_run(examiner);
    examiner.expect_ledger("nothing is communicated", before, {});
  });
}

}  // namespace shard
