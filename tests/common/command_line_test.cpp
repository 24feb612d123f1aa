// The displayed command that started this run.
// CPU only.
#include "common/base/command_line.h"

#include <cstdlib>

#include "tests/test_support.h"

using namespace shard;

TEST_CASE("command line: a shell reads the words back as they are") {
  CHECK(quoted({"build/bin/10_x", "--tp", "2", "--data=a,b:c@d%e+f"}) ==
        "build/bin/10_x --tp 2 --data=a,b:c@d%e+f");
  CHECK(quoted({"a b", "", "it's", "$HOME", "\"", "*", "naïve", "~", "a\nb"}) ==
        "'a b' '' 'it'\\''s' '$HOME' '\"' '*' 'naïve' '~' 'a\nb'");
}

TEST_CASE("command line: how this program was started, or what SHARD_STARTED_BY says") {
  setenv("SHARD_STARTED_BY", "./learn run 10 --ranks 4 --", 1);
  CHECK(command_before_arguments(4) == "./learn run 10 --ranks 4 --");
  unsetenv("SHARD_STARTED_BY");
  CHECK(contains(command_before_arguments(1), "unit_tests"));
}
