// Counts in sentences.
#include "common/base/counted.h"

#include "common/base/error.h"
#include "tests/test_support.h"

using namespace shard;

TEST_CASE("counted: only one is singular") {
  CHECK(text(counted(1, "rank")) == "1 rank");
  CHECK(text(counted(0, "rank"), ", ", counted(int64_t{-1}, "rank")) == "0 ranks, -1 ranks");
  CHECK(text(counted(size_t{1}, "entry", "entries")) == "1 entry");
  CHECK(text(counted(size_t{2}, "entry", "entries")) == "2 entries");
}
