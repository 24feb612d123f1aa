// Ranks that call different collectives: every rank gets a message with both calls, before anything
// is sent.
// Ranks: 2, 3, 4.
#include "tests/test_support.h"

using namespace shard;

/// This rank's message when rank 1 runs `odd` while the others run `even`.
template <class Odd, class Even>
static std::string told(Odd odd, Even even) {
  require_ranks(2);
  return message_of([&] {
    if (world().rank() == 1) {
      odd();
    } else {
      even();
    }
  });
}

static Tensor zeros(int64_t count) { return Tensor::zeros(backend(), {count}); }

static void all_reduce(int64_t count) { world().all_reduce(PartialSum(zeros(count))); }

TEST_CASE("mismatch: another operation") {
  const std::string message = told([] { world().all_gather(zeros(64)); }, [] { all_reduce(128); });
  INFO(message);
  CHECK(contains(message, "the ranks of world call different collectives: rank "));
  CHECK(contains(message, "rank 1: all_gather of 64 f32 (#"));
  CHECK(contains(message, ": all_reduce of 128 f32 (#"));
}

TEST_CASE("mismatch: another count") {
  const std::string message = told([] { all_reduce(64); }, [] { all_reduce(128); });
  INFO(message);
  CHECK(contains(message, "rank 1: all_reduce of 64 f32 (#"));
  CHECK(contains(message, ": all_reduce of 128 f32 (#"));
}

TEST_CASE("mismatch: pieces of different lengths without a list of them") {
  const std::string message =
      told([] { world().all_gather(zeros(42)); }, [] { world().all_gather(zeros(35)); });
  CHECK(contains(message, "rank 1: all_gather of 42 f32 (#"));
  CHECK(contains(message, " (pieces of different lengths: `rows` must name them)"));
}

TEST_CASE("mismatch: another type") {
  const auto integers = [] { world().all_reduce(PartialSum(indices({1, 2, 3}))); };
  const std::string message = told(integers, [] { all_reduce(3); });
  INFO(message);
  CHECK(contains(message, "rank 1: all_reduce of 3 i32 (#"));
  CHECK(contains(message, ": all_reduce of 3 f32 (#"));
}

TEST_CASE("mismatch: host numbers while the others are in a collective") {
  const std::string message = told([] { world().max_of(1.0); }, [] { world().barrier(); });
  INFO(message);
  CHECK(contains(message, "rank 1: gather_text (#"));
  CHECK(contains(message, ": barrier (#"));
}

TEST_CASE("mismatch: a message longer or shorter than its receiver expects") {
  require_ranks(2);
  const int size = world().size(), right = (world().rank() + 1) % size,
            left = (world().rank() + size - 1) % size;
  Tensor longer(backend(), {9}), shorter(backend(), {5});
  CHECK(message_of([&] { world().send_receive(zeros(7), right, longer, left); }) ==
        text("send_receive: rank ", left, " sent 7 of the 9 elements that rank ", world().rank(),
             " expects"));
  CHECK(message_of([&] { world().send_receive(zeros(7), right, shorter, left); }) ==
        text("send_receive: rank ", left, " sent more than the 5 elements that rank ",
             world().rank(), " expects"));
}

TEST_CASE("mismatch: after it was told, the group works again") {
  told([] { world().barrier(); }, [] { all_reduce(5); });
  CHECK(world().sum_of(1.0) == world().size());
}
