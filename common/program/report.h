// The output of a program: lines and tables from rank 0, checks whose verdict all ranks share, and
// the JSON file.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/format.h"
#include "common/comm/ledger.h"

namespace shard {

class Communicator;
class Options;
class Svg;

class Report {
 public:
  /// Must not outlive its arguments.
  Report(Communicator& world, const Options& options);
  ~Report();

  // Printed by rank 0, ignored by the others.
  void heading(const std::string& title);  // after an empty line
  void line(const std::string& line = "");
  /// A line on a terminal that the next output replaces.
  void update(const std::string& line);
  void table(const Table& table);  // indented by two
  /// This rank's ledger (rank 0's is printed), without rows that sent nothing to another rank; also
  /// written to the JSON file.
  void ledger(const Ledger& ledger);

  /// Writes rank 0's picture to the file given by --picture.
  void picture(const Svg& picture);

  /// Passes if `error` ≤ `tolerance` on every rank; NaN never passes. Prints one line. Collective.
  void check(const std::string& name, double error, double tolerance);
  /// The same without an error to measure.
  void check(const std::string& name, bool holds) { check(name, holds ? 0.0 : 1.0, 0.0); }
  /// The same; if it fails, also prints `found` of the first rank on which it does not hold.
  void check(const std::string& name, bool holds, const std::string& found);

  /// A value for the "results" of the JSON file.
  void result(const std::string& name, double value);
  void result(const std::string& name, const std::vector<double>& values);
  void layout(int tp, int dp) { tp_ = tp, dp_ = dp; }  // the grid, for the JSON file

  /// Prints the last line: the number of checks that hold, or that there were none. Then writes the
  /// JSON file. Returns the exit status: 0 if all checks hold, else 1.
  int finish();

 private:
  struct Check {
    std::string name;
    double error, tolerance;
    bool pass;
  };
  struct Json;  // the ledger and the results, as they are written
  void print(const std::string& text);
  void write_json() const;

  Communicator& world_;
  const Options& options_;
  std::vector<Check> checks_;
  std::unique_ptr<Json> json_;
  int tp_ = 1, dp_ = 1;
  bool moving_ = false;  // the last output was by update()
};

}  // namespace shard
