// What a program says: lines and tables from rank 0, checks whose verdict all ranks share, and the
// JSON file.
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

/// What rank 0 prints, and what all ranks agree on.
class Report {
 public:
  Report(Communicator& world, const Options& options);  // must not outlive them
  ~Report();

  // Printed by rank 0, ignored by the others.
  void heading(const std::string& title);   // an empty line, then the title
  void line(const std::string& line = "");  // one line
  void update(
      const std::string& line);    // a line on a terminal that the next output takes the place of
  void table(const Table& table);  // indented by two
  /// This rank's ledger (rank 0's is printed), without what never left it; also goes to the JSON
  /// file.
  void ledger(const Ledger& ledger);

  /// Writes rank 0's picture to the file of --picture.
  void picture(const Svg& picture);

  /// Collective: holds if `error` ≤ `tolerance` on every rank; NaN never holds. Prints one line.
  void check(const std::string& name, double error, double tolerance);
  /// The same where there is nothing to measure.
  void check(const std::string& name, bool holds) { check(name, holds ? 0.0 : 1.0, 0.0); }

  /// A number for the "results" of the JSON file.
  void result(const std::string& name, double value);
  /// A list of numbers, likewise.
  void result(const std::string& name, const std::vector<double>& values);
  void layout(int tp, int dp) { tp_ = tp, dp_ = dp; }  // the grid, for the JSON file

  /// Prints the last line: how many of the checks hold, or that there were none. Then writes the
  /// JSON file. The exit status: 0 if all checks hold, else 1.
  int finish();

 private:
  struct Check {
    std::string name;
    double error, tolerance;
    bool pass;
  };
  struct Json;  // the ledger and the results, as they will be written
  void print(const std::string& text);
  void write_json() const;

  Communicator& world_;
  const Options& options_;
  std::vector<Check> checks_;
  std::unique_ptr<Json> json_;
  int tp_ = 1, dp_ = 1;
  bool moving_ = false;  // what was printed last is from update()
};

}  // namespace shard
