// Every collective against values that each rank computes by itself. Whole numbers, so that results are exact.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;

namespace {

std::vector<float> data_of(int64_t rank, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) values[static_cast<size_t>(i)] = element(rank, i);
  return values;
}

Tensor my_data(Shape shape) { return tensor(shape, data_of(world().rank(), shape.elements())); }

std::vector<float> sum_of_all(int64_t count) {
  std::vector<float> sum(static_cast<size_t>(count), 0.0f);
  for (int rank = 0; rank < world().size(); ++rank) {
    for (int64_t i = 0; i < count; ++i) sum[static_cast<size_t>(i)] += element(rank, i);
  }
  return sum;
}

/// Rows first, first + 1, … of a matrix with `columns` columns, of all values.
std::vector<float> rows_of(const std::vector<float>& values, Range rows, int64_t columns) {
  return {values.begin() + rows.begin * columns, values.begin() + rows.end * columns};
}

constexpr int64_t megabytes = 800'003;  // elements: 3.2 MB, no multiple of the pieces of 1 MB

}  // namespace

TEST_CASE("all_reduce: the exact sum of whole numbers, from nothing to several pieces") {
  for (int64_t count : {int64_t{0}, int64_t{1}, int64_t{5}, int64_t{1000}, megabytes}) {
    CHECK(world().all_reduce(PartialSum(my_data({count}))).to_host() == sum_of_all(count));
  }
}

TEST_CASE("all_reduce: random numbers against a sum in double") {
  const int64_t rows = 37, columns = 53;
  Matrix sum(rows, columns);
  for (int rank = 0; rank < world().size(); ++rank) {
    sum = reference::add(sum, random_matrix(rows, columns, text("term ", rank)));
  }
  const Tensor mine = tensor(random_matrix(rows, columns, text("term ", world().rank())));
  const Tensor got = world().all_reduce(PartialSum(mine));
  CHECK(got.shape() == Shape{rows, columns});
  CHECK(relative_error(got, sum) < 1e-6);
}

TEST_CASE("all_reduce: integers, and a view changes only its own rows") {
  const int32_t ranks = world().size();
  const std::vector<int32_t> integers = {50'000'007, -world().rank()};  // 50'000'007 is no float
  CHECK(world().all_reduce(PartialSum(indices(integers))).to_host_int() ==
        std::vector<int32_t>{ranks * 50'000'007, -ranks * (ranks - 1) / 2});

  const Tensor whole = my_data({6, 4});
  world().all_reduce(PartialSum(whole.slice({2, 4})));
  std::vector<float> expected = data_of(world().rank(), 24);
  const std::vector<float> sum = sum_of_all(24);
  std::copy(sum.begin() + 8, sum.begin() + 16, expected.begin() + 8);
  CHECK(whole.to_host() == expected);
}

TEST_CASE("all_reduce_max: elementwise, of negative numbers too") {
  for (int64_t count : {int64_t{0}, int64_t{7}, megabytes}) {
    std::vector<float> mine = data_of(world().rank(), count), expected(mine.size(), -INFINITY);
    for (float& value : mine) value -= 100;
    for (int rank = 0; rank < world().size(); ++rank) {
      for (int64_t i = 0; i < count; ++i) {
        expected[static_cast<size_t>(i)] = std::max(expected[static_cast<size_t>(i)], element(rank, i) - 100);
      }
    }
    Tensor x = tensor({count}, mine);
    world().all_reduce_max(x);
    CHECK(x.to_host() == expected);
  }
}

TEST_CASE("all_gather: equal pieces one after the other") {
  const int64_t size = world().size();
  const Tensor all = world().all_gather(my_data({3, 5}));
  REQUIRE(all.shape() == Shape{3 * size, 5});
  for (int64_t rank = 0; rank < size; ++rank) {
    CHECK(all.slice({3 * rank, 3 * rank + 3}).to_host() == data_of(rank, 15));
  }
  const std::vector<int32_t> ids = world().all_gather(indices({world().rank(), 7})).to_host_int();
  for (int rank = 0; rank < world().size(); ++rank) CHECK(ids[static_cast<size_t>(2 * rank)] == rank);
}

TEST_CASE("all_gather: uneven pieces, empty ones among them") {
  for (int64_t whole : {1, 2, 11, 4000}) {
    const std::vector<int64_t> rows = part_sizes(whole, world().size());
    const Tensor all = world().all_gather(my_data({rows[static_cast<size_t>(world().rank())], 3}), rows);
    REQUIRE(all.shape() == Shape{whole, 3});
    for (int rank = 0; rank < world().size(); ++rank) {
      const Range part = part_of(whole, world().size(), rank);
      CHECK(all.slice(part).to_host() == data_of(rank, 3 * part.size()));
    }
  }
  std::vector<int64_t> growing(static_cast<size_t>(world().size()));  // rank 0 has nothing
  std::iota(growing.begin(), growing.end(), 0);
  const Tensor all = world().all_gather(my_data({world().rank()}), growing);
  CHECK(all.slice({all.elements() - world().size() + 1, all.elements()}).to_host() ==
        data_of(world().size() - 1, world().size() - 1));
}

TEST_CASE("all_gather: a list of rows that does not fit is refused") {
  const std::vector<int64_t> wrong(static_cast<size_t>(world().size()), 4), too_long(5, 3);
  CHECK(message_of([&] {
          world().all_gather(my_data({3, 5}), wrong);
        }) == text("all_gather on world: the list of rows has ", world().size(), " entries for ", world().size(),
                   " ranks, or not this rank's 3"));
  CHECK(contains(message_of([&] { world().all_gather(my_data({3, 5}), too_long); }), "the list of rows has 5 entries"));
}

TEST_CASE("reduce_scatter: rows of the sum, uneven and fewer than ranks") {
  for (int64_t rows : {int64_t{1}, int64_t{2}, int64_t{11}, int64_t{8}, megabytes / 3}) {
    const Range mine = part_of(rows, world().size(), world().rank());
    const Tensor part = world().reduce_scatter(PartialSum(my_data({rows, 3})));
    CHECK(part.shape() == Shape{mine.size(), 3});
    CHECK(part.to_host() == rows_of(sum_of_all(rows * 3), mine, 3));
  }
  const Tensor vector = world().reduce_scatter(PartialSum(my_data({7})));
  CHECK(vector.to_host() == rows_of(sum_of_all(7), part_of(7, world().size(), world().rank()), 1));
}

TEST_CASE("reduce_scatter leaves the term as it was, and with all_gather makes an all_reduce") {
  const Tensor term = my_data({10, 3});
  const Tensor part = world().reduce_scatter(PartialSum(term));
  CHECK(term.to_host() == data_of(world().rank(), 30));
  CHECK(world().all_gather(part, part_sizes(10, world().size())).to_host() == sum_of_all(30));
}

TEST_CASE("broadcast: from every root") {
  for (int root = 0; root < world().size(); ++root) {
    for (int64_t count : {int64_t{0}, int64_t{13}, megabytes}) {
      Tensor x = my_data({count});
      world().broadcast(x, root);
      CHECK(x.to_host() == data_of(root, count));
    }
  }
  Tensor x = my_data({2});
  for (int root : {-1, world().size()}) {
    CHECK(message_of([&] { world().broadcast(x, root); }) ==
          text("broadcast on world: there is no rank ", root, " of ", world().size()));
  }
}

TEST_CASE("send_receive: around a ring, data of a different length from each") {
  const int size = world().size(), next = (world().rank() + 1) % size, previous = (world().rank() + size - 1) % size;
  Tensor in(backend(), {1000 * previous + 1});
  world().send_receive(my_data({1000 * world().rank() + 1}), next, in, previous);
  CHECK(in.to_host() == data_of(previous, 1000 * previous + 1));
  CHECK(
      contains(message_of([&] { world().send_receive(in, size, in, 0); }), text("to ", size, " and from 0 of ", size)));
}

TEST_CASE("send_receive: once around, every rank sees every rank's data") {
  const int size = world().size(), next = (world().rank() + 1) % size, previous = (world().rank() + size - 1) % size;
  Tensor passing = my_data({5}), in(backend(), {5});
  std::vector<float> sum = passing.to_host();
  for (int step = 1; step < size; ++step) {
    world().send_receive(passing, next, in, previous);
    std::swap(passing, in);
    const std::vector<float> values = passing.to_host();
    for (size_t i = 0; i < values.size(); ++i) sum[i] += values[i];
  }
  CHECK(sum == sum_of_all(5));
}

TEST_CASE("start_all_reduce: the sum is there after wait, whatever is computed in between") {
  const Matrix a = random_matrix(40, 40, "a");
  for (int64_t count : {int64_t{1}, int64_t{1000}, megabytes}) {
    PendingSum pending = world().start_all_reduce(PartialSum(my_data({count})));
    CHECK(relative_error(matmul(tensor(a), tensor(a)), reference::matmul(a, a)) < 1e-6);
    CHECK(pending.wait().to_host() == sum_of_all(count));
  }
}

TEST_CASE("start_all_reduce: several under way at once, waited for in another order, other collectives in between") {
  std::vector<PendingSum> pending;
  const std::vector<int64_t> counts = {megabytes, 3, 0, 1000, megabytes + 1};
  for (int64_t count : counts) pending.push_back(world().start_all_reduce(PartialSum(my_data({count}))));
  CHECK(world().all_reduce(PartialSum(my_data({5}))).to_host() == sum_of_all(5));
  for (size_t i : {3, 0, 4, 2, 1}) CHECK(pending[i].wait().to_host() == sum_of_all(counts[i]));
}

TEST_CASE("start_all_reduce: a sum that nobody waits for is waited for at the end of its life") {
  const Tensor term = my_data({megabytes});
  { const PendingSum pending = world().start_all_reduce(PartialSum(term)); }
  CHECK(term.to_host() == sum_of_all(megabytes));
}

TEST_CASE("start_all_reduce: wait can be called once") {
  PendingSum pending = world().start_all_reduce(PartialSum(my_data({3})));
  pending.wait();
  CHECK(message_of([&] { pending.wait(); }) == "wait() was called twice on one pending sum");
}

TEST_CASE("barrier: nobody leaves before the last one comes") {
  for (int last = 0; last < world().size(); ++last) {
    Tensor arrived = Tensor::zeros(backend(), {1});
    if (world().rank() == last) fill(arrived, 1.0f);
    world().barrier();
    CHECK(world().all_reduce(PartialSum(arrived)).to_host()[0] == 1.0f);
  }
}

TEST_CASE("split: groups of the same color, in the order of their ranks, with collectives of their own") {
  const int color = world().rank() % 2;
  const std::unique_ptr<Communicator> group = world().split(color, "parity");
  CHECK(group->name() == "parity");
  CHECK(group->size() == (world().size() + 1 - color) / 2);
  CHECK(group->rank() == world().rank() / 2);
  const std::vector<int32_t> members = group->all_gather(indices({world().rank()})).to_host_int();
  for (int i = 0; i < group->size(); ++i) CHECK(members[static_cast<size_t>(i)] == 2 * i + color);

  std::vector<float> sum(9, 0.0f);
  for (int32_t rank : members) {
    for (int64_t i = 0; i < 9; ++i) sum[static_cast<size_t>(i)] += element(rank, i);
  }
  PendingSum of_all = world().start_all_reduce(PartialSum(my_data({9})));
  CHECK(group->all_reduce(PartialSum(my_data({9}))).to_host() == sum);
  CHECK(of_all.wait().to_host() == sum_of_all(9));

  const std::unique_ptr<Communicator> single = group->split(group->rank(), "single");
  CHECK(single->size() == 1);
  CHECK(single->all_reduce(PartialSum(my_data({9}))).to_host() == data_of(world().rank(), 9));
}

TEST_CASE("gather_text: every rank's text in rank order, of any length") {
  const std::string mine = world().rank() == 1 ? "" : text("rank ", world().rank(), "\n", std::string(5000, 'x'), "µ");
  const std::vector<std::string> all = world().gather_text(mine);
  REQUIRE(std::ssize(all) == world().size());
  for (int rank = 0; rank < world().size(); ++rank) {
    CHECK(all[static_cast<size_t>(rank)] == (rank == 1 ? "" : text("rank ", rank, "\n", std::string(5000, 'x'), "µ")));
  }
}

TEST_CASE("max_of and sum_of: host numbers without loss, and NaN on one rank is NaN on all") {
  const int rank = world().rank(), last = world().size() - 1;
  CHECK(world().max_of(-0.1 * rank - 1e-17) == -1e-17);
  CHECK(world().max_of(0.1 * rank) == 0.1 * last);
  CHECK(world().sum_of(rank == 0 ? 1.0 : 0x1p-60) == 1.0 + 0x1p-60 * last);
  CHECK(world().max_of(rank == last ? INFINITY : 1.0) == INFINITY);
  for (int bad = 0; bad < world().size(); ++bad) {
    CHECK(std::isnan(world().max_of(rank == bad ? NAN : 1.0)));
    CHECK(std::isnan(world().sum_of(rank == bad ? NAN : 1.0)));
  }
}

TEST_CASE("ledger: every collective is entered once, with the bytes of this rank's tensor") {
  const Ledger before = ledger();
  const auto entered = [&](Collective op) { return ledger().since(before).calls(op, "world"); };
  Tensor x = my_data({4, 5}), in(backend(), {4, 5});
  world().all_reduce(PartialSum(x.clone()));
  world().start_all_reduce(PartialSum(x.clone())).wait();
  world().all_reduce_max(x);
  world().all_gather(x);
  world().reduce_scatter(PartialSum(x));
  world().broadcast(x, 0);
  world().send_receive(x, world().rank(), in, world().rank());
  world().barrier();
  world().max_of(1.0);  // host only: not in the ledger
  CHECK(entered(Collective::all_reduce) == 2);
  for (Collective op : {Collective::all_reduce_max, Collective::all_gather, Collective::reduce_scatter,
                        Collective::broadcast, Collective::send_receive, Collective::barrier}) {
    CHECK(entered(op) == 1);
  }
  CHECK(ledger().since(before).calls() == 8);
  CHECK(ledger().since(before).bytes() == 7 * 80);
  CHECK(ledger().since(before).seconds() > 0);  // eight calls take some time, if only nanoseconds
}

TEST_CASE("ledger: the groups have rows of their own") {
  const Ledger before = ledger();
  const std::unique_ptr<Communicator> group = world().split(0, "tp");
  group->all_reduce(PartialSum(my_data({3})));
  world().all_reduce(PartialSum(my_data({2})));
  CHECK(ledger().since(before).calls(Collective::all_reduce, "tp") == 1);
  CHECK(ledger().since(before).calls(Collective::all_reduce, "world") == 1);
  CHECK(ledger().since(before).bytes() == 20);
}

TEST_CASE("collectives: tensors of another device are refused") {
  const std::unique_ptr<Backend> other = make_cpu_backend(1);
  Tensor x = Tensor::zeros(*other, {3}), mine = my_data({3});
  const std::string there = " on world: the tensor lives on another device than the group";
  CHECK(message_of([&] { world().all_reduce(PartialSum(x)); }) == "all_reduce" + there);
  CHECK(message_of([&] { world().start_all_reduce(PartialSum(x)); }) == "start_all_reduce" + there);
  CHECK(message_of([&] { world().all_reduce_max(x); }) == "all_reduce_max" + there);
  CHECK(message_of([&] { world().all_gather(x); }) == "all_gather" + there);
  CHECK(message_of([&] { world().reduce_scatter(PartialSum(x)); }) == "reduce_scatter" + there);
  CHECK(message_of([&] { world().broadcast(x, 0); }) == "broadcast" + there);
  CHECK(message_of([&] { world().send_receive(mine, 0, x, 0); }) == "send_receive" + there);
}
