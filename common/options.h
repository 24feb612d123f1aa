// The command line: the options that every program has, and those that a program adds. CLI11 does the parsing.
#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "common/error.h"
#include "common/memory.h"

namespace CLI {
class App;
}

namespace shard {

class Options {
 public:
  std::string device = "auto";
  uint64_t seed = 1234;
  std::string json, trace;
  bool check_collectives = false;
  double timeout = 120;  // seconds that a rank may wait for others

  /// `name` is the program's: "05_parallel_mlp".
  Options(std::string name, const std::string& description);
  ~Options();

  /// A size: a whole number from `least` to `most`.
  void size(const std::string& option, int64_t& value, const std::string& help, int64_t least = 1,
            int64_t most = int64_t{1} << 30);
  /// A real number from `least` to `most`.
  void number(const std::string& option, double& value, const std::string& help, double least = 0,
              double most = std::numeric_limits<double>::infinity());
  void text(const std::string& option, std::string& value, const std::string& help);
  void flag(const std::string& option, bool& value, const std::string& help);

  /// Throws UsageError with one sentence for bad input. Returns false when only --help was asked for.
  bool parse(int argc, char** argv);
  std::string help() const;
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  std::unique_ptr<CLI::App> app_;
};

}  // namespace shard
