// Collectives under way while something else is computed, and several at once. A wrong order of
// streams shows here.
#include "common/mpi/session.h"
#include "tests/parallel/collectives_support.h"

using namespace shard;
using reference::relative_error;

TEST_CASE("start_all_reduce: the sum is there after wait, whatever is computed in between") {
  const Matrix a = random_matrix(40, 40, "a");
  for (int64_t count : {int64_t{1}, int64_t{1000}, megabytes}) {
    PendingSum pending = world().start_all_reduce(PartialSum(my_data({count})));
    CHECK(relative_error(matmul(tensor(a), tensor(a)), reference::matmul(a, a)) < 1e-6);
    CHECK(pending.wait().to_host() == sum_of_all(count));
  }
}

TEST_CASE("start_all_reduce: what is computed in between does not wait for the sum") {
  const Matrix a = random_matrix(40, 40, "a");
  const std::unique_ptr<Communicator> meeting = world().split(0, "meeting");
  session().configure({.timeout = 20});  // calls are not compared: all ranks would wait for that
  if (world().rank() > 0)
    meeting->barrier();  // until rank 0 has read its product, while its sum waits for the others
  PendingSum pending = world().start_all_reduce(PartialSum(my_data({1000})));
  if (world().rank() == 0) {
    CHECK(relative_error(matmul(tensor(a), tensor(a)).to_host(), reference::matmul(a, a).values) <
          1e-6);
    meeting->barrier();
  }
  CHECK(pending.wait().to_host() == sum_of_all(1000));
  session().configure({.timeout = 20, .check_collectives = true});
}

TEST_CASE("start_all_reduce: a rank reads a sum while the others are ahead, in other collectives") {
  constexpr int64_t count = 1000;
  // The others wait there for rank 0, while it waits for their parts of the sums.
  const std::vector<std::function<void()>> ahead = {
      [] { world().start_all_reduce(PartialSum(my_data({5}))).wait(); }, [] { world().barrier(); },
      [] { world().gather_text(""); }};
  for (const auto& meet : ahead) {
    std::vector<PendingSum> pending;
    for (int i = 0; i < 3; ++i)
      pending.push_back(world().start_all_reduce(PartialSum(my_data({count}))));
    std::vector<Tensor> sums;
    for (PendingSum& sum : pending) sums.push_back(sum.wait());
    if (world().rank() == 0) CHECK(sums.back().to_host() == sum_of_all(count));
    meet();
    for (const Tensor& sum : sums) CHECK(sum.to_host() == sum_of_all(count));
  }
}

TEST_CASE(
    "start_all_reduce: several under way at once, waited for in another order, other collectives "
    "in between") {
  std::vector<PendingSum> pending;
  const std::vector<int64_t> counts = {megabytes, 3, 0, 1000, megabytes + 1};
  for (int64_t count : counts)
    pending.push_back(world().start_all_reduce(PartialSum(my_data({count}))));
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
  CHECK(message_of([&] { pending.wait(); }) == "wait() was called twice on one pending all_reduce");
}

TEST_CASE(
    "start_all_reduce: what is computed just before is summed, and what is computed just after "
    "sees the sum") {
  const Matrix a = random_matrix(40, 40, "a");
  for (int64_t count : {int64_t{1000}, megabytes}) {
    Tensor term = my_data({count}), other = my_data({count});
    scale(term, 0.5f);
    PendingSum pending = world().start_all_reduce(PartialSum(term));
    scale(other, 3.0f);  // on other memory, during the sum
    const Tensor product = matmul(tensor(a), tensor(a));
    Tensor sum = pending.wait();
    scale(sum, 2.0f);
    accumulate(sum, other);
    std::vector<float> expected = sum_of_all(count);
    for (int64_t i = 0; i < count; ++i)
      expected[static_cast<size_t>(i)] += 3 * element(world().rank(), i);
    CHECK(sum.to_host() == expected);
    CHECK(relative_error(product, reference::matmul(a, a)) < 1e-6);
  }
}

TEST_CASE(
    "collectives: memory that is released after a collective is used again only when it is done") {
  const int64_t size = world().size(), next = (world().rank() + 1) % size,
                previous = (world().rank() + size - 1) % size;
  const auto use_again = [](int64_t count) {
    fill(*std::make_unique<Tensor>(backend(), Shape{count}), 7.0f);
  };
  const Tensor all = world().all_gather(my_data({5, 3}));  // the piece is gone
  use_again(15);
  const Tensor part = world().reduce_scatter(PartialSum(my_data({3 * size, 5})));
  use_again(15 * size);
  Tensor in(backend(), {15});
  world().send_receive(my_data({15}), static_cast<int>(next), in, static_cast<int>(previous));
  use_again(15);
  CHECK(all.slice({5 * previous, 5 * previous + 5}).to_host() == data_of(previous, 15));
  CHECK(part.to_host() ==
        rows_of(sum_of_all(15 * size), part_of(3 * size, world().size(), world().rank()), 5));
  CHECK(in.to_host() == data_of(previous, 15));
}

TEST_CASE("collectives: many on two groups, in turns, more than a GPU's queue may hold") {
  constexpr int64_t count = 33;
  const std::unique_ptr<Communicator> group = world().split(0, "again");
  std::vector<PendingSum> of_world, of_group;
  for (int i = 0; i < 50; ++i) {
    of_world.push_back(world().start_all_reduce(PartialSum(my_data({count}))));
    of_group.push_back(group->start_all_reduce(PartialSum(my_data({count}))));
    Tensor x = my_data({count});
    (i % 2 == 0 ? *group : world()).broadcast(x, i % world().size());
    CHECK(x.to_host() == data_of(i % world().size(), count));
  }
  for (int i = 0; i < 50; ++i) {
    CHECK(of_group[static_cast<size_t>(i)].wait().to_host() == sum_of_all(count));
    CHECK(of_world[static_cast<size_t>(49 - i)].wait().to_host() == sum_of_all(count));
  }
}
