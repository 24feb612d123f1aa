// The grid of tensor-parallel × data-parallel ranks, for every layout of as many ranks as there
// are.
// Ranks: 1, 2, 3, 4. CPU only.
#include "common/comm/process_grid.h"

#include "tests/test_support.h"

using namespace shard;

TEST_CASE("process grid: position and rank are each other's inverse, tp fastest") {
  static_assert(position_of(5, 4) == GridPosition{1, 1});
  for (int tp : {1, 2, 3, 4, 8}) {
    for (int rank = 0; rank < 24; ++rank) {
      const GridPosition position = position_of(rank, tp);
      CHECK(rank_of(position, tp) == rank);
      CHECK(position.tp_rank < tp);
    }
    CHECK(position_of(tp - 1, tp) == GridPosition{tp - 1, 0});
    CHECK(position_of(tp, tp) == GridPosition{0, 1});
  }
}

/// The world ranks of a group's members, in their order.
static std::vector<int32_t> members(Communicator& group) {
  return group.all_gather(indices({world().rank()})).to_host_int();
}

TEST_CASE("process grid: who is in which group, in every layout") {
  const int size = world().size(), rank = world().rank();
  for (int tp = 1; tp <= size; ++tp) {
    if (size % tp != 0) continue;
    const int dp = size / tp;
    ProcessGrid grid(world(), tp, dp);
    CHECK(grid.position() == position_of(rank, tp));
    CHECK(grid.tp().size() == tp);
    CHECK(grid.dp().size() == dp);
    CHECK(grid.tp().rank() == rank % tp);
    CHECK(grid.dp().rank() == rank / tp);
    CHECK(grid.tp().name() == "tp");
    CHECK(grid.dp().name() == "dp");
    CHECK(&grid.world() == &world());

    std::vector<int32_t> row, column;
    for (int i = 0; i < tp; ++i) row.push_back(rank / tp * tp + i);
    for (int i = 0; i < dp; ++i) column.push_back(i * tp + rank % tp);
    CHECK(members(grid.tp()) == row);
    CHECK(members(grid.dp()) == column);
  }
}

TEST_CASE("process grid: a sum over tp and then over dp is the sum over all") {
  const int size = world().size();
  for (int tp = 1; tp <= size; ++tp) {
    if (size % tp != 0) continue;
    ProcessGrid grid(world(), tp, size / tp);
    const Tensor mine = Tensor::full(backend(), {3}, static_cast<float>(1 << world().rank()));
    const Tensor sum = grid.dp().all_reduce(PartialSum(grid.tp().all_reduce(PartialSum(mine))));
    CHECK(sum.to_host() == std::vector<float>(3, static_cast<float>((1 << size) - 1)));
  }
}

TEST_CASE("process grid: any other size is refused in one sentence with both numbers") {
  const int size = world().size();
  const std::string runs_on =
      text(" ranks, but the program runs on ", size, size == 1 ? " rank" : " ranks");
  const auto refusal = [](int tp, int dp) {
    return message_of<UsageError>([=] { ProcessGrid(world(), tp, dp); });
  };
  CHECK(refusal(size + 1, 1) ==
        text("--tp ", size + 1, " × --dp 1 is a grid of ", size + 1, runs_on));
  CHECK(refusal(size, 2) == text("--tp ", size, " × --dp 2 is a grid of ", 2 * size, runs_on));
  CHECK(refusal(0, size) == text("--tp 0 × --dp ", size, " is a grid of 0", runs_on));
  CHECK(refusal(-1, -size) == text("--tp -1 × --dp ", -size, " is a grid of ", size, runs_on));
  CHECK(contains(refusal(1 << 30, 1 << 30), "is a grid of 1152921504606846976 ranks"));
}
