// Tests that fail on purpose: runner_test.sh proves that the runner reports and ends each of them.
#include <csignal>

#include "tests/test_support.h"

using namespace shard;

static Tensor everybody() {
  return world().all_reduce(PartialSum(tensor({2}, std::vector<float>{1, 2})));
}

TEST_CASE("a check fails on rank 1 only") {
  INFO("the answer is in doubt");
  CHECK(world().rank() != 1);
  everybody();
}

TEST_CASE("a requirement fails on rank 1 only") {
  REQUIRE(world().rank() != 1);
  everybody();
}

TEST_CASE("an exception on rank 1 only") {
  require(world().rank() != 1, "rank 1 has had enough");
  everybody();
}

static int doubtful() {
  require(world().rank() != 1, "rank 1 has had enough");
  return 1;
}

TEST_CASE("an exception inside a check") {
  CHECK(doubtful() != 0);
  everybody();
}

TEST_CASE("no exception where one is expected") { CHECK_THROWS(everybody()); }

TEST_CASE("a crash on rank 1 only") {
  if (world().rank() == 1) raise(SIGSEGV);
  everybody();
}

TEST_CASE("rank 1 calls another collective") {
  if (world().rank() == 1) {
    world().barrier();
  } else {
    everybody();
  }
}

TEST_CASE("a test for three ranks") {
  require_ranks(3);
  CHECK(world().size() >= 3);
}

TEST_CASE("a test without assertions") {}

TEST_CASE("a test that passes") { CHECK(everybody().to_host()[0] == world().size()); }
