// Every collective against values that each rank computes by itself.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/counted.h"
#include "tests/parallel/collectives_support.h"

using namespace shard;
using reference::relative_error;

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
  const std::vector<int32_t> integers = {50'000'007, -world().rank()};  // not exact in f32
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
        expected[static_cast<size_t>(i)] =
            std::max(expected[static_cast<size_t>(i)], element(rank, i) - 100);
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
  for (int rank = 0; rank < world().size(); ++rank)
    CHECK(ids[static_cast<size_t>(2 * rank)] == rank);
}

TEST_CASE("all_gather: uneven pieces, empty ones among them") {
  for (int64_t whole : {1, 2, 11, 4000}) {
    const std::vector<int64_t> rows = part_sizes(whole, world().size());
    const Tensor all =
        world().all_gather(my_data({rows[static_cast<size_t>(world().rank())], 3}), rows);
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
        }) == text("all_gather on world: the list of rows has ",
                   counted(world().size(), "entry", "entries"), " for ",
                   counted(world().size(), "rank"), ", or its entry for this rank is not 3"));
  CHECK(contains(message_of([&] {
                   world().all_gather(my_data({3, 5}), too_long);
                 }),
                 "the list of rows has 5 entries"));
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
  const int size = world().size(), next = (world().rank() + 1) % size,
            previous = (world().rank() + size - 1) % size;
  Tensor in(backend(), {1000 * previous + 1});
  world().send_receive(my_data({1000 * world().rank() + 1}), next, in, previous);
  CHECK(in.to_host() == data_of(previous, 1000 * previous + 1));
  CHECK(contains(message_of([&] { world().send_receive(in, size, in, 0); }),
                 text("to ", size, " and from 0 of ", size)));
}

TEST_CASE("send_receive: once around, every rank sees every rank's data") {
  const int size = world().size(), next = (world().rank() + 1) % size,
            previous = (world().rank() + size - 1) % size;
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

TEST_CASE("bf16: every collective moves and adds it, where the device computes in it") {
  if (!backend().computes_in(DataType::bf16)) {
    CHECK(contains(message_of([] { Tensor(backend(), {3}, DataType::bf16); }),
                   "bf16 was requested on a device"));
    return;
  }
  const int size = world().size(), next = (world().rank() + 1) % size,
            previous = (world().rank() + size - 1) % size;
  const auto mine = [](Shape shape) { return cast(my_data(shape), DataType::bf16); };
  for (int64_t rows :
       {int64_t{1}, int64_t{11}, megabytes / 3}) {  // sums of whole numbers below 256 are exact
    const int64_t count = rows * 3;
    CHECK(world().all_reduce(PartialSum(mine({count}))).to_host() == sum_of_all(count));
    CHECK(world().start_all_reduce(PartialSum(mine({count}))).wait().type() == DataType::bf16);
    const Tensor part = world().reduce_scatter(PartialSum(mine({rows, 3})));
    CHECK(part.to_host() == rows_of(sum_of_all(count), part_of(rows, size, world().rank()), 3));
    const Tensor all = world().all_gather(part, part_sizes(rows, size));
    CHECK(all.type() == DataType::bf16);
    CHECK(all.to_host() == sum_of_all(count));
    Tensor x = mine({count}), in(backend(), {count}, DataType::bf16);
    world().broadcast(x, size - 1);
    CHECK(x.to_host() == data_of(size - 1, count));
    world().send_receive(mine({count}), next, in, previous);
    CHECK(in.to_host() == data_of(previous, count));
  }
  Tensor x = Tensor::full(backend(), {3}, static_cast<float>(-1 - world().rank()));
  Tensor rounded = cast(x, DataType::bf16);
  world().all_reduce_max(rounded);
  CHECK(rounded.to_host() == std::vector<float>(3, -1.0f));
}

TEST_CASE("a group of one: sums are there already, the rest is a copy, and no memory is taken") {
  Tensor x = my_data({4, 3}), in(backend(), {4, 3});
  const std::vector<float> mine = data_of(world().rank(), 12);
  const int64_t blocks = backend().allocations();
  CHECK(alone().all_reduce(PartialSum(x)).address() == x.address());
  CHECK(alone().start_all_reduce(PartialSum(x)).wait().address() == x.address());
  alone().all_reduce_max(x);
  alone().broadcast(x, 0);
  alone().send_receive(x, 0, in, 0);
  alone().barrier();
  CHECK(backend().allocations() == blocks);
  CHECK(x.to_host() == mine);
  CHECK(in.to_host() == mine);
  const Tensor all = alone().all_gather(x), part = alone().reduce_scatter(PartialSum(x));
  fill(x, 0.0f);
  CHECK(all.to_host() == mine);
  CHECK(part.to_host() == mine);
  CHECK(alone().split(3, "part")->gather_text("mine") == std::vector<std::string>{"mine"});
  CHECK(message_of([&] {
          alone().send_receive(x.slice({0, 3}), 0, in, 0);
        }) == "send_receive: rank 0 sent 9 of the 12 elements that rank 0 expects");
}

TEST_CASE("barrier: nobody leaves before the last one comes") {
  for (int last = 0; last < world().size(); ++last) {
    Tensor arrived = Tensor::zeros(backend(), {1});
    if (world().rank() == last) fill(arrived, 1.0f);
    world().barrier();
    CHECK(world().all_reduce(PartialSum(arrived)).to_host()[0] == 1.0f);
  }
}

TEST_CASE(
    "split: groups of the same color, in the order of their ranks, with collectives of their own") {
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

TEST_CASE("split: a rank without a color is in no group") {
  const bool in = world().rank() % 2 == 1;
  const std::unique_ptr<Communicator> group = world().split(in ? 5 : Communicator::no_group, "odd");
  CHECK((group != nullptr) == in);
  if (in) {
    CHECK(group->size() == world().size() / 2);
    CHECK(group->sum_of(1.0) == group->size());
  }
  CHECK(world().split(Communicator::no_group, "none") == nullptr);
  CHECK(alone().split(Communicator::no_group, "none") == nullptr);
  CHECK(message_of([] { world().split(-2, "negative"); }) ==
        "split of world: color -2 is negative");
}

TEST_CASE("gather_text: every rank's text in rank order, of any length") {
  const std::string mine =
      world().rank() == 1 ? "" : text("rank ", world().rank(), "\n", std::string(5000, 'x'), "µ");
  const std::vector<std::string> all = world().gather_text(mine);
  REQUIRE(std::ssize(all) == world().size());
  for (int rank = 0; rank < world().size(); ++rank) {
    CHECK(all[static_cast<size_t>(rank)] ==
          (rank == 1 ? "" : text("rank ", rank, "\n", std::string(5000, 'x'), "µ")));
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
  for (Collective op :
       {Collective::all_reduce_max, Collective::all_gather, Collective::reduce_scatter,
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
  const std::string there = " on world: the tensor is not on the device of the group";
  CHECK(message_of([&] { world().all_reduce(PartialSum(x)); }) == "all_reduce" + there);
  CHECK(message_of([&] { world().start_all_reduce(PartialSum(x)); }) == "all_reduce" + there);
  CHECK(message_of([&] { world().all_reduce_max(x); }) == "all_reduce_max" + there);
  CHECK(message_of([&] { world().all_gather(x); }) == "all_gather" + there);
  CHECK(message_of([&] { world().reduce_scatter(PartialSum(x)); }) == "reduce_scatter" + there);
  CHECK(message_of([&] { world().broadcast(x, 0); }) == "broadcast" + there);
  CHECK(message_of([&] { world().send_receive(mine, 0, x, 0); }) == "send_receive" + there);
}
