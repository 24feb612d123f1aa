// Errors: their text costs nothing while nothing fails.
#include "common/base/error.h"

#include "tests/test_support.h"

using namespace shard;

namespace {

/// Something whose text takes time to make.
struct Costly {
  int& texts;
};
std::string to_string(const Costly& costly) {
  ++costly.texts;
  return "costly";
}

}  // namespace

TEST_CASE("require makes its text only when it fails") {
  int texts = 0;
  require(true, "not said: ", Costly{texts});
  require_usage(true, "not said: ", Costly{texts});
  CHECK(texts == 0);
  CHECK_THROWS_WITH_AS(require(false, 1, " is ", Costly{texts}), "1 is costly", Error);
  CHECK_THROWS_WITH_AS(require_usage(false, Costly{texts}, "!"), "costly!", UsageError);
  CHECK(texts == 2);
}
