// The command line: defaults, and one sentence for everything that cannot be.
// CPU only.
#include "common/program/options.h"

#include <cstdlib>
#include <optional>

#include "common/base/memory.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

struct Program {
  Options options{"05_parallel_mlp", "a program"};
  int64_t tokens = 24;
  double rate = 0.5;
  std::string data = "none";
  bool layouts = false;

  Program() {
    options.size("--tokens", tokens, "rows", 1, 1000);
    options.number("--rate", rate, "a rate", 0, 1);
    options.text("--data", data, "a file");
    options.flag("--layouts", layouts, "all layouts");
  }

  bool parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "05_parallel_mlp");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    return options.parse(static_cast<int>(argv.size()), argv.data());
  }
};

/// A variable of the environment, as long as this exists; nullptr: it is not set.
class OfEnvironment {
 public:
  OfEnvironment(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~OfEnvironment() { set(before_ ? before_->c_str() : nullptr); }
  OfEnvironment(const OfEnvironment&) = delete;

 private:
  void set(const char* value) const {
    value != nullptr ? setenv(name_, value, 1) : unsetenv(name_);
  }
  const char* name_;
  std::optional<std::string> before_;
};

std::string refusal(const std::vector<std::string>& arguments) {
  return message_of<UsageError>([&] { Program().parse(arguments); });
}

}  // namespace

TEST_CASE("options: defaults") {
  const OfEnvironment no_device("SHARD_DEVICE", nullptr);
  Program program;
  CHECK(program.parse({}));
  CHECK(program.tokens == 24);
  CHECK(program.rate == 0.5);
  CHECK(program.data == "none");
  CHECK_FALSE(program.layouts);
  CHECK(program.options.device == "auto");
  CHECK(program.options.seed == 1234);
  CHECK(program.options.json.empty());
  CHECK(program.options.trace.empty());
  CHECK_FALSE(program.options.check_collectives);
  CHECK(program.options.timeout == 120);
}

TEST_CASE("options: SHARD_DEVICE is the default of --device") {
  const OfEnvironment device("SHARD_DEVICE", "cuda");
  Program by_default, told;
  CHECK((by_default.parse({}) && by_default.options.device == "cuda"));
  CHECK((told.parse({"--device", "cpu"}) && told.options.device == "cpu"));
  const OfEnvironment wrong("SHARD_DEVICE", "tpu");
  CHECK(refusal({}) == "--device is auto, cpu or cuda, not tpu");
}

TEST_CASE(
    "options: an empty text, as of a variable that is not set, and octal numbers are refused") {
  CHECK(contains(refusal({"--data", ""}), "--data is empty"));
  CHECK(contains(refusal({"--data="}), "--data"));
  CHECK(contains(refusal({"--json", ""}), "--json is empty"));
  CHECK(contains(refusal({"--tokens", "010"}), "\"010\" begins with a 0"));
  CHECK(contains(refusal({"--seed", "+007"}), "begins with a 0"));
  Program program;
  CHECK(program.parse({"--seed", "0"}));
}

TEST_CASE("options: what is given is taken") {
  Program program;
  CHECK(program.parse({"--tokens", "1000", "--rate=1e-3", "--data", "a b", "--layouts", "--seed",
                       "0", "--device=cpu", "--json", "x.json", "--trace", "y.json",
                       "--check-collectives", "--timeout", "2.5"}));
  CHECK(program.tokens == 1000);
  CHECK(program.rate == 1e-3);
  CHECK(program.data == "a b");
  CHECK(program.layouts);
  CHECK(program.options.seed == 0);
  CHECK(program.options.device == "cpu");
  CHECK(program.options.json == "x.json");
  CHECK(program.options.trace == "y.json");
  CHECK(program.options.check_collectives);
  CHECK(program.options.timeout == 2.5);
}

TEST_CASE("options: --help is no error, and names every option with its default") {
  Program program;
  CHECK_FALSE(program.parse({"--help"}));
  for (const char* part :
       {"--tokens", "24", "--rate", "0.5", "--data", "--layouts", "--device", "--seed", "1234",
        "--json", "--trace", "--check-collectives", "--timeout", "120"}) {
    CHECK(contains(program.options.help(), part));
  }
}

TEST_CASE("options: --help lists them in groups") {
  Program program;
  program.options.group("Grid");
  int64_t tp = 1;
  program.options.size("--tp", tp, "ranks");
  program.options.offer_picture("the grid");
  const std::string help = program.options.help();
  const auto place = [&](const char* part) {
    CAPTURE(part);
    CHECK(contains(help, part));
    return help.find(part);
  };
  CHECK(place("\nRun:") < place("--seed"));
  CHECK(place("--seed") < place("\nOutput:"));
  CHECK(place("\nOutput:") < place("--picture"));
  CHECK(place("--picture") < place("\nOptions:"));
  CHECK(place("\nOptions:") < place("--tokens"));
  CHECK(place("--layouts") < place("\nGrid:"));
  CHECK(place("\nGrid:") < place("--tp"));
}

TEST_CASE("options: one of several names goes to the function that takes it") {
  std::vector<std::string> taken;
  const auto parse = [&](const std::vector<std::string>& arguments) {
    Program program;
    program.options.named("--colour", "red", "a colour", [&](const std::string& name) {
      require_usage(name == "red" || name == "blue", "--colour must be red or blue, not ", name);
      taken.push_back(name);
    });
    const bool runs = program.parse(arguments);
    CHECK(program.options.given("--colour") == !taken.empty());
    if (!runs) {  // as CLI11 2.3 or 2.4 writes a default
      const std::string help = program.options.help();
      CHECK((contains(help, "=red") || contains(help, "[red]")));
    }
    return runs;
  };
  CHECK(parse({}));
  CHECK(taken.empty());  // the usual name is shown, and not taken
  CHECK_FALSE(parse({"--help"}));
  CHECK(parse({"--colour", "blue", "--tokens", "7"}));
  CHECK(taken == std::vector<std::string>{"blue"});
  for (const char* bad : {"green", "Blue", ""}) {
    CHECK(message_of<UsageError>([&] {
            parse({"--colour", bad});
          }) == text("--colour must be red or blue, not ", bad));
  }
  CHECK(contains(message_of<UsageError>([&] { parse({"--colour"}); }), "--colour"));
  CHECK(taken.size() == 1);
}

TEST_CASE("options: what was probably meant is named") {
  const auto meant = [](const std::string& given) {
    const std::string sentence = refusal({given}), before = "did you mean ";
    const size_t at = sentence.find(before);
    if (at == std::string::npos) return std::string("nothing");
    return sentence.substr(at + before.size(), sentence.find('?') - at - before.size());
  };
  CHECK(refusal({"--token", "3"}) ==
        "unknown option --token; did you mean --tokens? --help lists the options");
  CHECK(meant("--tokesn=4") == "--tokens");
  CHECK(meant("--layout") == "--layouts");
  CHECK(meant("--check-colectives") == "--check-collectives");
  CHECK(meant("--rates") == "--rate");
  CHECK(meant("--timeout-seconds") == "--timeout");
  CHECK(meant("--tokens-in-a-batch") == "--tokens");
  for (const char* far : {"--q", "--qqqqqq", "--tonnes-of-it", "--learning-rate", "-t", "--"})
    CHECK(meant(far) == "nothing");
  CHECK(meant("--" + std::string(1'000'000, 'a')) == "nothing");
}

TEST_CASE("options: each kind of bad input has its sentence") {
  CHECK(refusal({"--qqq", "3"}) == "unknown option --qqq; --help lists the options");
  CHECK(refusal({"extra"}) == "\"extra\" is not an option; --help lists the options");
  CHECK(refusal({"--tokens", "0"}) == "--tokens: must be from 1 to 1000, not 0");
  CHECK(refusal({"--tokens", "-5"}) == "--tokens: must be from 1 to 1000, not -5");
  CHECK(refusal({"--tokens", "1001"}) == "--tokens: must be from 1 to 1000, not 1001");
  CHECK(refusal({"--tokens", "9999999999999999999999"}) ==
        "--tokens: must be from 1 to 1000, not 9999999999999999999999");
  CHECK(refusal({"--tokens", "many"}) == "--tokens: \"many\" is not a whole number");
  CHECK(refusal({"--tokens", "3.5"}) == "--tokens: \"3.5\" is not a whole number");
  CHECK(refusal({"--tokens", "12x"}) == "--tokens: \"12x\" is not a whole number");
  CHECK(refusal({"--tokens", ""}) == "--tokens: \"\" is not a whole number");
  CHECK(refusal({"--rate", "-0.1"}) == "--rate: must be from 0 to 1, not -0.1");
  CHECK(refusal({"--rate", "fast"}) == "--rate: \"fast\" is not a number");
  CHECK(refusal({"--rate", "nan"}) == "--rate: \"nan\" is not a finite number");
  CHECK(refusal({"--timeout", "inf"}) == "--timeout: \"inf\" is not a finite number");
  CHECK(refusal({"--timeout", "1e999"}) == "--timeout: \"1e999\" is not a finite number");
  CHECK(refusal({"--timeout", "0"}) == "--timeout: must be at least 0.001, not 0");
  CHECK(refusal({"--seed", "-1"}) == "--seed: must be from 0 to 9223372036854775807, not -1");
  CHECK(refusal({"--seed", "99999999999999999999"}) ==
        "--seed: must be from 0 to 9223372036854775807, not 99999999999999999999");
  CHECK(refusal({"--device", "tpu"}) == "--device is auto, cpu or cuda, not tpu");
}

TEST_CASE("options: a missing or repeated value is refused in one line that names the option") {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--tokens"},
                                                    {"--tokens", "1", "--tokens", "2"},
                                                    {"--tokens="},
                                                    {"--data"},
                                                    {"--layouts=maybe"}}) {
    const std::string sentence = refusal(arguments);
    INFO(sentence);
    CHECK(contains(sentence, arguments[0].substr(0, arguments[0].find('='))));
    CHECK_FALSE(contains(sentence, "\n"));
  }
}

TEST_CASE("options: --picture only where it is offered, and only as SVG") {
  CHECK(refusal({"--picture", "a.svg"}) == "unknown option --picture; --help lists the options");
  Program program;
  program.options.offer_picture("the grid");
  CHECK(program.parse({"--picture", "a.svg"}));
  CHECK(program.options.picture == "a.svg");
  CHECK(contains(program.options.help(), "the grid"));
  CHECK(message_of<UsageError>([] {
          Program other;
          other.options.offer_picture("the grid");
          other.parse({"--picture", "a.png"});
        }) == "--picture a.png: a picture is written as SVG, so the name must end in .svg");
}

TEST_CASE("options: a size that overflowed once does not spoil the next") {
  CHECK(refusal({"--tokens", "99999999999999999999"}) != "");
  errno = ERANGE;
  Program program;
  CHECK(program.parse({"--tokens", "7"}));
}

TEST_CASE("require_memory: what this machine cannot hold is refused with the reason") {
  require_memory(1e6, "--tokens 5");
  const std::string sentence =
      message_of<UsageError>([] { require_memory(1e18, "--tokens 1000000 × --width 1000000000"); });
  INFO(sentence);
  CHECK(contains(sentence,
                 "--tokens 1000000 × --width 1000000000 needs about 1e+09 GB; this machine has "));
  CHECK(peak_resident_bytes() > 1'000'000);
}
