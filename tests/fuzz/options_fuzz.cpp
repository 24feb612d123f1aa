// A command line of arbitrary bytes, one argument per line: the options keep their limits, or one
// sentence says why not.
#include <cmath>
#include <vector>

#include "common/program/options.h"
#include "tests/fuzz/must.h"

using namespace shard;

namespace {

struct Program {
  Options options{"program", "a program"};
  int64_t tokens = 24, steps = 1;
  double rate = 0.5, clip = 1;
  std::string data = "none";
  bool layouts = false;

  Program() {
    options.size("--tokens", tokens, "rows", 1, 1000);
    options.size("--steps", steps, "steps");
    options.number("--rate", rate, "a rate", 0, 1);
    options.number("--clip", clip, "a limit");
    options.text("--data", data, "a file");
    options.flag("--layouts", layouts, "all layouts");
  }

  void parse(std::vector<std::string>& arguments) {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    if (!options.parse(static_cast<int>(argv.size()), argv.data()))
      return must(!options.help().empty(), "no help");
    must(tokens >= 1 && tokens <= 1000, "--tokens beyond its limits");
    must(steps >= 1 && steps <= int64_t{1} << 30, "--steps beyond its limits");
    must(rate >= 0 && rate <= 1, "--rate beyond its limits");
    must(std::isfinite(clip) && clip >= 0, "--clip beyond its limits");
    must(options.timeout > 0 && options.seed <= uint64_t{1} << 63,
         "a common option beyond its limits");
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<std::string> arguments{"program", ""};
  for (size_t i = 0; i < size; ++i) {
    if (data[i] == '\n') {
      arguments.emplace_back();
    } else if (data[i] != '\0') {
      arguments.back() += static_cast<char>(data[i]);
    }
  }
  Program program;
  try {
    program.parse(arguments);
  } catch (const UsageError& error) {
    must(*error.what() != '\0', "a refusal without a word");
  }
  return 0;
}
