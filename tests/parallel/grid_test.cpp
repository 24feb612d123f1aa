// The groups of a grid, for every layout of as many ranks as there are.
// Ranks: 1, 2, 3, 4. CPU only.
#include "common/comm/grid.h"

#include "common/base/counted.h"
#include "tests/test_support.h"

using namespace shard;

/// The world ranks of a group's members, in their order.
static std::vector<int> members(Communicator& group) {
  return group.all_gather(indices({world().rank()})).to_host_int();
}

TEST_CASE("grid: who is in which group, in every layout of three axes and two orders") {
  const int size = world().size(), rank = world().rank();
  for (const char* order : {"tp-cp-pp-dp", "dp-tp-pp-cp"}) {
    for (int tp = 1; tp <= size; ++tp) {
      for (int pp = 1; tp * pp <= size; ++pp) {
        if (size % (tp * pp) != 0) continue;
        Grid grid(world(), {{"tp", tp}, {"pp", pp}, {"dp", size / tp / pp}}, order);
        CHECK(&grid.world() == &world());
        for (const Axes& axes :
             {Axes{"tp"}, Axes{"dp"}, Axes{"pp"}, Axes{"cp"}, Axes{"dp", "tp"}, Axes{"pp", "dp"}}) {
          Communicator& group = grid.group(axes);
          CHECK(members(group) == grid.layout().group_of(rank, axes));
          CHECK(group.name() == grid.layout().name_of(axes));
          CHECK(&grid.group(axes) == &group);
        }
        CHECK(grid.tp().rank() == grid.coordinate("tp"));
        CHECK(grid.dp().rank() == grid.coordinate("dp"));
        CHECK(grid.tp().size() == tp);
        CHECK(grid.size("pp") == pp);
      }
    }
  }
}

TEST_CASE("grid: tp has neighbours, and a sum over tp and then over dp is the sum over all") {
  const int size = world().size(), rank = world().rank();
  for (int tp = 1; tp <= size; ++tp) {
    if (size % tp != 0) continue;
    Grid grid(world(), {{"tp", tp}, {"dp", size / tp}});
    CHECK(grid.tp().rank() == rank % tp);
    CHECK(grid.dp().rank() == rank / tp);
    CHECK(grid.tp().name() == "tp");
    const Tensor mine = Tensor::full(backend(), {3}, static_cast<float>(1 << rank));
    const Tensor sum = grid.dp().all_reduce(PartialSum(grid.tp().all_reduce(PartialSum(mine))));
    CHECK(sum.to_host() == std::vector<float>(3, static_cast<float>((1 << size) - 1)));
    const Tensor again = Tensor::full(backend(), {3}, static_cast<float>(1 << rank));
    CHECK(grid.group({"dp", "tp"}).all_reduce(PartialSum(again)).to_host() == sum.to_host());
  }
}

TEST_CASE("grid: experts' groups, in every layout that has them") {
  const int size = world().size(), rank = world().rank();
  for (int cp = 1; cp <= size; ++cp) {
    if (size % cp != 0) continue;
    for (int ep = 1; ep <= size; ++ep) {
      if (size % ep != 0) continue;
      Grid grid(world(), {{"cp", cp}, {"dp", size / cp}});
      grid.fold({"cp", "dp"}, "ep", ep, "edp");
      CHECK(members(grid.group({"ep"})) == grid.layout().group_of(rank, {"ep"}));
      CHECK(members(grid.group({"edp"})) == grid.layout().group_of(rank, {"edp"}));
      CHECK(grid.group({"ep"}).rank() == rank % ep);
      CHECK(grid.coordinate("edp") == rank / ep);
      CHECK(grid.group({"edp"}).name() == "edp");
      CHECK(members(grid.group({"ep", "edp"})) == members(grid.data()));
      CHECK(grid.data().name() == (cp == 1 ? "dp" : "cp-dp"));
    }
  }
}

TEST_CASE("grid: any other size is refused in one sentence with both numbers") {
  const int size = world().size();
  const auto a_grid_of = [&](int ranks) {
    return text(" is a grid of ", counted(ranks, "rank"), ", but the program runs on ",
                counted(size, "rank"));
  };
  const auto refusal = [](int tp, int dp) {
    return message_of<UsageError>([=] { Grid(world(), {{"tp", tp}, {"dp", dp}}); });
  };
  CHECK(refusal(size + 1, 1) == text("--tp ", size + 1, " × --dp 1", a_grid_of(size + 1)));
  CHECK(refusal(size, 2) == text("--tp ", size, " × --dp 2", a_grid_of(2 * size)));
  CHECK(refusal(0, size) == text("--tp 0 × --dp ", size, a_grid_of(0)));
  CHECK(refusal(-1, -size) == text("--tp -1 × --dp ", -size, a_grid_of(size)));
  CHECK(contains(refusal(1 << 30, 1 << 30), "is a grid of 1152921504606846976 ranks"));
  CHECK(message_of<UsageError>([=] {
          Grid(world(), {{"tp", 2}, {"pp", 3}, {"dp", size}});
        }) == text("--tp 2 × --pp 3 × --dp ", size, a_grid_of(6 * size)));
}
