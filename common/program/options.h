// The command line: the options that every program has, and those that a program adds. Parsed by
// CLI11.
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/memory.h"

namespace CLI {
class App;
}

namespace shard {

/// The settings of a run. A program adds its own options, then parses once.
class Options {
 public:
  std::string device = "auto";       // auto, cpu or cuda
  uint64_t seed = 1234;              // of all random numbers
  std::string json, trace, picture;  // files to write, or empty
  bool check_collectives = false;    // whether the ranks compare each call before it starts
  bool synchronous_sends = false;    // whether a message waits until its receiver is ready
  double timeout = 120;              // seconds that a rank may wait for others

  /// `name` is the program's: "05_parallel_mlp". `description` is one sentence for --help.
  Options(std::string name, const std::string& description);
  ~Options();

  /// The heading in --help of the options that follow.
  void group(const std::string& heading);

  // Each function adds an option ("--tokens") that sets `value`, whose current value is the
  // default, and one line for --help. `value` must live until parse has been called.

  /// A size: a whole number from `least` to `most`.
  void size(const std::string& option, int64_t& value, const std::string& help, int64_t least = 1,
            int64_t most = int64_t{1} << 30);
  /// A real number from `least` to `most`.
  void number(const std::string& option, double& value, const std::string& help, double least = 0,
              double most = std::numeric_limits<double>::infinity());
  void text(const std::string& option, std::string& value, const std::string& help);
  /// One of several names: `take` is called with the name, and throws UsageError for others.
  void named(const std::string& option, const std::string& usual, const std::string& help,
             const std::function<void(const std::string&)>& take);
  /// A switch: `value` becomes true if the option is given.
  void flag(const std::string& option, bool& value, const std::string& help);
  /// --picture FILE.svg, for a program that draws a picture of `what`.
  void offer_picture(const std::string& what);

  /// Throws UsageError with one sentence for bad input. Returns false if --help was given.
  bool parse(int argc, char** argv);
  /// Whether the option was on the command line.
  bool given(const std::string& option) const;
  std::string help() const;  // the text of --help
  /// The words of the command line, without the program.
  const std::vector<std::string>& arguments() const { return arguments_; }
  const std::string& name() const { return name_; }  // of the program

 private:
  std::string name_, group_;
  std::vector<std::string> arguments_;
  std::unique_ptr<CLI::App> app_;
};

}  // namespace shard
