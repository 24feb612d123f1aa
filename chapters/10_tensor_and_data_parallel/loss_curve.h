// The loss over the steps as a picture: in characters for the terminal, and as an SVG file.
#pragma once
#include <string>
#include <vector>

namespace shard {

struct LossCurve {
  std::vector<double> training;                        // one a step
  std::vector<std::pair<int64_t, double>> validation;  // (step, loss)

  /// A plot of `columns` × `rows` characters, axes labelled.
  std::string drawn(int columns = 70, int rows = 14) const;
  /// Throws UsageError when the file cannot be written.
  void write_svg(const std::string& file, const std::string& title) const;
};

}  // namespace shard
