// all_to_all: part j of every rank's tensor goes to rank j. The data say where they come from:
// whole numbers that every rank can compute for every other.
#include "common/base/counted.h"
#include "tests/parallel/collectives_support.h"

using namespace shard;

static int size() { return world().size(); }
static int rank() { return world().rank(); }

/// How many rows `from` sends to `to`: all different, some 0.
static int64_t rows_between(int from, int to) { return (3 * from + 5 * to) % 4 + (from == to); }

static std::vector<int64_t> rows_to(int from) {
  std::vector<int64_t> rows;
  for (int to = 0; to < size(); ++to) rows.push_back(rows_between(from, to));
  return rows;
}

static std::vector<int64_t> rows_from(int to) {
  std::vector<int64_t> rows;
  for (int from = 0; from < size(); ++from) rows.push_back(rows_between(from, to));
  return rows;
}

static int64_t sum(const std::vector<int64_t>& numbers) {
  int64_t all = 0;
  for (int64_t number : numbers) all += number;
  return all;
}

/// What `to` must receive, if rank `from` sends `rows[from]` rows that begin at row `first[from]`.
static std::vector<float> expected(int64_t columns, const std::vector<int64_t>& rows,
                                   const std::vector<int64_t>& first) {
  std::vector<float> all;
  for (int from = 0; from < size(); ++from) {
    const auto at = static_cast<size_t>(from);
    for (int64_t i = 0; i < rows[at] * columns; ++i)
      all.push_back(element(from, first[at] * columns + i));
  }
  return all;
}

/// The first row that each rank sends to this one.
static std::vector<int64_t> first_rows() {
  std::vector<int64_t> first;
  for (int from = 0; from < size(); ++from) {
    int64_t before = 0;
    for (int to = 0; to < rank(); ++to) before += rows_between(from, to);
    first.push_back(before);
  }
  return first;
}

TEST_CASE("all_to_all: equal parts, in the order of the ranks they come from") {
  for (int64_t rows : {int64_t{0}, int64_t{1}, int64_t{3}, int64_t{70'001}}) {
    const Tensor got = world().all_to_all(my_data({rows * size(), 5}));
    CHECK(got.shape() == Shape{rows * size(), 5});
    const std::vector<int64_t> each(static_cast<size_t>(size()), rows),
        first(static_cast<size_t>(size()), rows * rank());
    CHECK(got.to_host() == expected(5, each, first));
  }
}

TEST_CASE("all_to_all: twice is nothing, and integers and vectors go the same way") {
  const Tensor x = my_data({2 * size(), 3});
  CHECK(world().all_to_all(world().all_to_all(x)).to_host() == x.to_host());
  std::vector<int32_t> mine, theirs;
  for (int other = 0; other < size(); ++other) {
    mine.push_back(100 * rank() + other);
    theirs.push_back(100 * other + rank());
  }
  CHECK(world().all_to_all(indices(mine)).to_host_int() == theirs);
}

TEST_CASE("all_to_all: parts of any sizes, none among them, and back again") {
  const Tensor x = my_data({sum(rows_to(rank())), 3});
  const Tensor got = world().all_to_all(x, rows_to(rank()), rows_from(rank()));
  CHECK(got.shape() == Shape{sum(rows_from(rank())), 3});
  CHECK(got.to_host() == expected(3, rows_from(rank()), first_rows()));
  Pending back = world().start_all_to_all(got, rows_from(rank()), rows_to(rank()));
  CHECK(back.wait().to_host() == x.to_host());
}

TEST_CASE("all_to_all: one rank sends everything, another one nothing") {
  const std::vector<int64_t> none(static_cast<size_t>(size()), 0);
  std::vector<int64_t> all = none, from_last = none;
  std::fill(all.begin(), all.end(), 2);
  from_last.back() = 2;
  const bool sends = rank() == size() - 1;
  const Tensor x = my_data({sends ? 2 * size() : 0, 4});
  const Tensor got = world().all_to_all(x, sends ? all : none, from_last);
  CHECK(got.to_host() == expected(4, from_last, std::vector<int64_t>(all.size(), 2 * rank())));
}

TEST_CASE("exchange_rows: what every rank will send to this one") {
  CHECK(world().exchange_rows(rows_to(rank())) == rows_from(rank()));
}

TEST_CASE("all_to_all: bf16, where the device computes in it") {
  if (!backend().computes_in(DataType::bf16)) return;
  const Tensor x = cast(my_data({sum(rows_to(rank())), 3}), DataType::bf16);
  const Tensor got = world().all_to_all(x, rows_to(rank()), rows_from(rank()));
  CHECK(got.type() == DataType::bf16);
  CHECK(got.to_host() == expected(3, rows_from(rank()), first_rows()));
}

TEST_CASE("all_to_all: what does not fit is refused, with the numbers") {
  if (size() > 1) {
    CHECK(message_of([] {
            world().all_to_all(my_data({size() + 1, 3}));
          }) == text("all_to_all on world: ", size() + 1, " rows cannot be divided into ", size(),
                     " equal parts"));
  }
  const std::vector<int64_t> ones(static_cast<size_t>(size()), 1), too_few(7, 1);
  CHECK(contains(message_of([&] {
                   world().all_to_all(my_data({size() + 1, 3}), ones, ones);
                 }),
                 text("do not divide the ", size() + 1, " rows of [")));
  CHECK(contains(message_of([&] {
                   world().all_to_all(my_data({size(), 3}), ones, too_few);
                 }),
                 text("lists of ", size(), " and 7 row counts for ", counted(size(), "rank"))));
  CHECK(contains(message_of([&] { world().exchange_rows(too_few); }), "7 row counts"));
}

TEST_CASE("all_to_all: who expects another number than is sent is told, on every rank") {
  if (size() < 2) return;
  std::vector<int64_t> ones(static_cast<size_t>(size()), 1), wrong = ones;
  if (rank() == 1) wrong[0] = 2;
  CHECK(message_of([&] {
          world().all_to_all(my_data({size(), 3}), ones, wrong);
        }) == "all_to_all on world: rank 0 sends 1 row to rank 1, which expects 2");
}

TEST_CASE("all_to_all: the ledger counts what is given, and what goes to others") {
  const Ledger before = ledger();
  world().all_to_all(my_data({3 * size(), 5}));
  const Ledger since = ledger().since(before);
  CHECK(since.calls(Collective::all_to_all, "world") == 1);
  CHECK(since.bytes() == 3 * size() * 5 * 4);
  CHECK(since.sent() == 3 * (size() - 1) * 5 * 4);
}
