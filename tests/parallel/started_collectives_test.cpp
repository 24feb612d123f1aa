// Collectives that are started and waited for later, and those into a view of a flat buffer.
#include <sched.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/comm/communicator.h"
#include "common/comm/trace.h"
#include "tests/parallel/collectives_support.h"

using namespace shard;

static int size() { return world().size(); }
static int rank() { return world().rank(); }

TEST_CASE("started: every form gives what the blocking one gives, in whatever order they end") {
  const std::vector<int64_t> rows = part_sizes(11, size());
  const int next = (rank() + 1) % size(), previous = (rank() + size() - 1) % size();
  const Tensor piece = my_data({rows[static_cast<size_t>(rank())], 3}), term = my_data({11, 3});
  const Tensor square = my_data({2 * size(), 3}), in(backend(), {1000 * previous + 1});
  Pending gathered = world().start_all_gather(piece, rows);
  Pending part = world().start_reduce_scatter(PartialSum(term));
  Pending turned = world().start_all_to_all(square);
  Pending passed = world().start_send_receive(my_data({1000 * rank() + 1}), next, in, previous);
  Pending sum = world().start_all_reduce(PartialSum(my_data({megabytes})));
  CHECK(sum.wait().to_host() == sum_of_all(megabytes));
  CHECK(passed.wait().to_host() == data_of(previous, 1000 * previous + 1));
  CHECK(turned.wait().to_host() == world().all_to_all(square).to_host());
  CHECK(part.wait().to_host() == rows_of(sum_of_all(33), part_of(11, size(), rank()), 3));
  const Tensor all = gathered.wait();
  for (int other = 0; other < size(); ++other) {
    const Range there = part_of(11, size(), other);
    CHECK(all.slice(there).to_host() == data_of(other, 3 * there.size()));
  }
}

TEST_CASE("started: what is given may be forgotten, for its memory is kept until the end") {
  const auto use_again = [](int64_t count) {
    fill(*std::make_unique<Tensor>(backend(), Shape{count}), 7.0f);
  };
  const int64_t count = 5000;
  Pending gathered = world().start_all_gather(my_data({count}));
  use_again(count);
  Pending part = world().start_reduce_scatter(PartialSum(my_data({count})));
  use_again(count);
  Pending turned = world().start_all_to_all(my_data({count * size()}));
  use_again(count * size());
  const Tensor flat = my_data({count});
  const Range mine = part_of(count, size(), rank());
  Pending in_place = world().start_reduce_scatter_into(flat.slice(mine), PartialSum(flat));
  use_again(count);
  CHECK(in_place.wait().to_host() == rows_of(sum_of_all(count), mine, 1));
  const std::vector<float> all = gathered.wait().to_host();
  CHECK(rows_of(all, {count * (size() - 1), count * size()}, 1) == data_of(size() - 1, count));
  CHECK(part.wait().to_host() == rows_of(sum_of_all(count), mine, 1));
  CHECK(turned.wait().to_host()[0] == element(0, count * rank()));
}

TEST_CASE("started: who does not wait has waited at the end; wait can be called once") {
  const Tensor all(backend(), {4 * size()});
  { const Pending pending = world().start_all_gather_into(all, my_data({4})); }
  CHECK(all.slice({4 * (size() - 1), 4 * size()}).to_host() == data_of(size() - 1, 4));
  Pending pending = world().start_all_gather(my_data({3}));
  pending.wait();
  CHECK(message_of([&] { pending.wait(); }) == "wait() was called twice on one pending all_gather");
}

// ---- In any order -------------------------------------------------------------------------------

namespace {

/// Collectives under way at once, each with its expected result.
struct UnderWay {
  std::vector<Pending> pending;
  std::vector<std::vector<float>> expected;

  void add(Pending started, std::vector<float> result) {
    pending.push_back(std::move(started));
    expected.push_back(std::move(result));
  }
  void start(int64_t count) {
    const Tensor term = my_data({count}), piece = my_data({5});
    std::vector<float> all;
    for (int other = 0; other < size(); ++other)
      for (const float x : data_of(other, 5)) all.push_back(x);
    add(world().start_all_reduce(PartialSum(my_data({count}))), sum_of_all(count));
    add(world().start_reduce_scatter(PartialSum(term)),
        rows_of(sum_of_all(count), part_of(count, size(), rank()), 1));
    add(world().start_all_gather(piece), all);
  }
  void check(size_t i) {
    CAPTURE(i);
    CHECK(pending[i].wait().to_host() == expected[i]);
  }
};

}  // namespace

TEST_CASE("started: each rank may wait in an order of its own, and meet the others in between") {
  UnderWay all;
  for (const int64_t count : {megabytes, 2 * megabytes + 1, megabytes - 1}) all.start(count);
  const size_t count = all.pending.size();
  for (size_t i = 0; i < count; ++i) {
    const size_t steps = rank() % 2 == 0 ? i : count - 1 - i;  // forwards, or backwards
    all.check((steps + static_cast<size_t>(rank()) / 2) % count);
    if (i % 3 == 0) world().barrier();
    if (i % 3 == 1) CHECK(world().max_of(rank()) == size() - 1);
  }
}

TEST_CASE("started: some ranks poll, others start the next ones at once") {
  UnderWay all;
  for (const int64_t count : {megabytes, 2 * megabytes + 1, megabytes - 1}) {
    all.start(count);
    if (rank() == 0) continue;
    for (int turn = 0; turn < 2000 * rank(); ++turn)
      for (Pending& pending : all.pending) pending.poll();
  }
  for (size_t i = 0; i < all.pending.size(); ++i) all.check(i);
}

// ---- Polled -------------------------------------------------------------------------------------

/// Whether it is done within the 20 seconds that a test may wait, although nobody waits for it.
static bool is_done_by_polls(Pending& pending) {
  const double start = now();
  while (!pending.poll() && now() - start < 20) sched_yield();
  return pending.poll();
}

TEST_CASE("started: polls alone bring every form to its end, and then wait returns its result") {
  const int next = (rank() + 1) % size(), previous = (rank() + size() - 1) % size();
  const Tensor piece = my_data({megabytes}), in(backend(), {megabytes}), told(backend(), {7});
  Pending sum = world().start_all_reduce(PartialSum(my_data({megabytes})));
  Pending part = world().start_reduce_scatter(PartialSum(my_data({11, 3})));
  Pending gathered = world().start_all_gather(my_data({5}));
  Pending passed = world().start_send_receive(piece, next, in, previous);
  Pending message =
      world().start_messages({{.tensor = my_data({7}), .partner = next, .is_sent = true},
                              {.tensor = told, .partner = previous, .is_sent = false}});
  Pending nothing = world().start_receive(piece, Communicator::nobody);
  for (Pending* pending : {&sum, &part, &gathered, &passed, &message, &nothing})
    CHECK(is_done_by_polls(*pending));
  CHECK(sum.wait().to_host() == sum_of_all(megabytes));
  CHECK(part.wait().to_host() == rows_of(sum_of_all(33), part_of(11, size(), rank()), 3));
  CHECK(gathered.wait().elements() == 5 * size());
  CHECK(passed.wait().to_host() == data_of(previous, megabytes));
  CHECK(message.wait().to_host() == data_of(previous, 7));
  CHECK(message_of([&] { sum.poll(); }) ==
        "poll() was called after wait() on a pending all_reduce");
}

TEST_CASE("started: a poll says that nothing has come yet, and does not wait for it") {
  const bool sends = rank() == 1, receives = rank() == 0 && size() > 1;
  const Tensor in(backend(), {megabytes});
  Pending pending = world().start_receive(in, receives ? 1 : Communicator::nobody);
  CHECK(pending.poll() == !receives);
  world().barrier();
  CHECK(pending.poll() == !receives);
  world().barrier();  // only now it is sent
  if (sends) world().start_send(my_data({megabytes}), 0).wait();
  pending.wait();
  if (receives) CHECK(in.to_host() == data_of(1, megabytes));
}

TEST_CASE("started: the trace shows it under way from its start to the poll that sees its end") {
  if (size() == 1) return;  // nothing travels
  const TraceRecording recording;
  const double start = now();
  Pending sum = world().start_all_reduce(PartialSum(my_data({megabytes})));
  CHECK(is_done_by_polls(sum));
  const double done = now();
  usleep(2000);
  sum.wait();
  const auto bars = gather_trace(world());
  const auto& mine = bars[static_cast<size_t>(rank())];
  const auto transfer = std::find_if(mine.rbegin(), mine.rend(), [](const TraceBar& bar) {
    return bar.row == TraceRow::transfer;
  });
  REQUIRE(transfer != mine.rend());
  CHECK(transfer->name == "all_reduce");
  CHECK(transfer->detail == "world");
  CHECK(transfer->begin < transfer->end);
  if (backend().device() != Device::cpu) return;  // a GPU's clock is another one
  CHECK(start <= transfer->begin);
  CHECK(transfer->end <= done);
}

// ---- Into a flat buffer -------------------------------------------------------------------------

TEST_CASE(
    "all_gather_into: a view of a flat buffer, from elsewhere and in place, takes no memory") {
  const int64_t count = 7;
  for (const bool in_place : {false, true}) {
    const Tensor flat = Tensor::full(backend(), {count * size() + 5}, -1.0f);
    const Tensor view = flat.slice({2, 2 + count * size()});
    const Tensor place = view.slice({count * rank(), count * (rank() + 1)});
    Tensor piece = in_place ? place : Tensor(backend(), {count});
    copy(piece, my_data({count}));
    const int64_t blocks = backend().allocations();
    world().all_gather_into(view, piece);
    CHECK(backend().allocations() == blocks);
    const std::vector<float> got = flat.to_host();
    for (int other = 0; other < size(); ++other) {
      CHECK(rows_of(got, {2 + count * other, 2 + count * (other + 1)}, 1) == data_of(other, count));
    }
    CHECK(got[1] == -1.0f);  // what is not in the view stays
    CHECK(got[got.size() - 3] == -1.0f);
  }
}

TEST_CASE("all_gather_into: uneven pieces in place, and integers") {
  const std::vector<int64_t> rows = part_sizes(size() + 1, size());
  const Tensor all(backend(), {size() + 1, 3});
  Tensor piece = all.slice(part_of(size() + 1, size(), rank()));
  copy(piece, my_data(piece.shape()));
  CHECK(world().start_all_gather_into(all, piece, rows).wait().address() == all.address());
  for (int other = 0; other < size(); ++other) {
    const Range there = part_of(size() + 1, size(), other);
    CHECK(all.slice(there).to_host() == data_of(other, 3 * there.size()));
  }
  const Tensor ids(backend(), {size()}, DataType::i32);
  world().all_gather_into(ids, indices({rank() + 1'000'000'007}));
  CHECK(ids.to_host_int().back() == size() - 1 + 1'000'000'007);
}

TEST_CASE("reduce_scatter_into: a view, from a term elsewhere and in place") {
  for (const int64_t rows : {int64_t{8}, int64_t{11}, int64_t{1}}) {
    for (const bool in_place : {false, true}) {
      const Range mine = part_of(rows, size(), rank());
      const Tensor term = my_data({rows, 3}), flat(backend(), {rows * 3 + 2});
      const Tensor apart = flat.slice({2, 2 + 3 * mine.size()}).reshape({mine.size(), 3});
      const Tensor part = in_place ? term.slice(mine) : apart;
      world().reduce_scatter_into(part, PartialSum(term));
      CHECK(part.to_host() == rows_of(sum_of_all(rows * 3), mine, 3));
      std::vector<float> left = data_of(rank(), rows * 3);  // the other parts stay as they were
      if (in_place) {
        const std::vector<float> sum = sum_of_all(rows * 3);
        std::copy(sum.begin() + 3 * mine.begin, sum.begin() + 3 * mine.end,
                  left.begin() + 3 * mine.begin);
      }
      CHECK(term.to_host() == left);
    }
  }
}

TEST_CASE("reduce_scatter: parts that travel in several pieces, uneven, several under way") {
  std::vector<Tensor> terms;
  std::vector<Pending> pending;
  for (const int64_t count : {300'007, 70'001 * 4 + 1, 65'536 * 4}) {
    terms.push_back(my_data({count}));
    const Range mine = part_of(count, size(), rank());
    pending.push_back(
        world().start_reduce_scatter_into(terms.back().slice(mine), PartialSum(terms.back())));
  }
  for (size_t i = 0; i < terms.size(); ++i) {
    const int64_t count = terms[i].elements();
    CHECK(pending[i].wait().to_host() ==
          rows_of(sum_of_all(count), part_of(count, size(), rank()), 1));
  }
}

TEST_CASE("reduce_scatter and all_gather in place make an all_reduce of a flat buffer") {
  const int64_t count = 6 * size();
  const Tensor flat = my_data({count});
  const Tensor part = flat.slice(part_of(count, size(), rank()));
  world().start_reduce_scatter_into(part, PartialSum(flat)).wait();
  world().all_gather_into(flat, part);
  CHECK(flat.to_host() == sum_of_all(count));
}

TEST_CASE("into: another shape or type, and what overlaps elsewhere, is refused") {
  const Tensor all(backend(), {4 * size()}), piece = my_data({4}), ids = indices({1, 2, 3, 4});
  CHECK(message_of([&] {
          world().all_gather_into(all.slice({0, 4 * size() - 1}), piece);
        }) == text("all_gather on world: pieces of ", 4 * size(),
                   " f32 together do not fit into a tensor of ", 4 * size() - 1, " f32"));
  CHECK(
      contains(message_of([&] { world().all_gather_into(all, ids); }), "i32 together do not fit"));
  if (size() > 1) {
    const int64_t begin = rank() == 0 ? 1 : 4 * rank() - 1;
    CHECK(contains(message_of([&] {
                     world().all_gather_into(all, all.slice({begin, begin + 4}));
                   }),
                   "the piece overlaps the result outside its own place"));
    const Tensor term = my_data({4 * size()});
    CHECK(contains(message_of([&] {
                     world().reduce_scatter_into(term.slice({begin, begin + 4}), PartialSum(term));
                   }),
                   "the result overlaps the term outside its own part"));
  }
  CHECK(contains(message_of([&] {
                   world().reduce_scatter_into(my_data({5}), PartialSum(my_data({4 * size()})));
                 }),
                 "this rank's part of 4 f32 does not fit into a tensor of 5 f32"));
}

// ---- What is sent -------------------------------------------------------------------------------

TEST_CASE("ledger: a sum and its two halves send as much, but are given different bytes") {
  const int64_t t = size(), count = 12 * t, bytes = count * 4;
  Ledger before = ledger();
  world().all_reduce(PartialSum(my_data({count})));
  CHECK(ledger().since(before).bytes() == bytes);
  CHECK(ledger().since(before).sent() == 2 * bytes * (t - 1) / t);
  before = ledger();
  world().all_gather(world().reduce_scatter(PartialSum(my_data({count}))));
  CHECK(ledger().since(before).bytes() == bytes + bytes / t);
  CHECK(ledger().since(before).sent() == 2 * bytes * (t - 1) / t);
}

TEST_CASE("ledger: all ranks together send what the algorithm says, uneven parts included") {
  const auto sent = [](auto call) {
    const Ledger before = ledger();
    call();
    return ledger().since(before).sent();
  };
  const std::vector<int64_t> rows = part_sizes(7, size());
  const int64_t gathered = sent([&] {
    world().all_gather(my_data({rows[static_cast<size_t>(rank())], 5}), rows);
  });
  const int64_t scattered = sent([] { world().reduce_scatter(PartialSum(my_data({7, 5}))); });
  const int64_t told = sent([] {
    Tensor x = my_data({9});
    world().broadcast(x, size() - 1);
  });
  CHECK(world().sum_of(double(gathered)) == (size() - 1) * 7 * 5 * 4);
  CHECK(world().sum_of(double(scattered)) == (size() - 1) * 7 * 5 * 4);
  CHECK(world().sum_of(double(told)) == (size() - 1) * 9 * 4);
}
