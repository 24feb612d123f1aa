// The loss over the steps as a picture: in characters for the terminal, and as an SVG file.
#pragma once
#include <string>
#include <vector>

#include "chapters/10_tensor_and_data_parallel/metrics.h"

namespace shard::chapter_10 {

/// The mean of the values around each one, `width` of them, fewer at both ends.
std::vector<double> smoothed(const std::vector<double>& values, int64_t width);

class LossCurve {
 public:
  explicit LossCurve(const Metrics& metrics);

  /// A plot of `columns` × `rows` characters, axes labelled; nothing without steps.
  std::string drawn(int columns = 70, int rows = 14) const;
  /// Throws Error when the file cannot be written.
  void write_svg(const std::string& file, const std::string& title) const;

 private:
  int64_t smoothing() const;  // how many steps it averages; less than 3: nothing is gained

  int64_t first_step_ = 1;
  std::vector<double> training_;                        // one a step
  std::vector<std::pair<int64_t, double>> validation_;  // (step, loss)
};

}  // namespace shard::chapter_10
