// OperationCosts: how long each operation of a training step takes on a CPU. The GPUs of published
// tables are described by a few shares of their data sheets; here each operation was measured at
// many sizes. Between these a line leads from one to the next, in as many directions as the size
// has numbers:
//     seconds = Σ cost · count,   such as call + m·k·n + m·k + k·n + m·n of a product,
// costs fitted to all measurements, times what the nearest measurements are above or below that.
#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chapters/23_planner/operations.h"

namespace shard::chapter_23 {

class OperationCosts {
 public:
  OperationCosts() = default;
  /// Throws Error for a sample that took no time.
  explicit OperationCosts(std::vector<Sample> samples);
  /// {"linear": {"64 x 256 x 768": seconds, …}, …}, as to_json makes it. Throws UsageError, in one
  /// sentence with `file`, for unknown operations, for sizes that are none, and for seconds that
  /// are not positive numbers.
  OperationCosts(const nlohmann::json& json, const std::string& file);

  nlohmann::ordered_json to_json() const;
  const std::vector<Sample>& samples() const { return samples_; }
  bool empty() const { return samples_.empty(); }
  /// Throws Error for an operation that was not measured.
  double seconds(const OperationWork& work) const;
  /// Seconds of each count on the fitted line, none negative: the squared relative errors of all
  /// samples are least. Zeros for an operation that was not measured.
  Counts line(Operation operation) const;

 private:
  struct Measured {
    Counts line;
    std::vector<Counts> at;     // of each sample, the logarithms of its counts
    std::vector<double> above;  // the logarithm of its seconds over the line's
  };
  void fit();

  std::vector<Sample> samples_;
  std::map<Operation, Measured> operations_;
};

}  // namespace shard::chapter_23
