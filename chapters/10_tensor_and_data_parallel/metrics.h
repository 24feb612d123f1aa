// The numbers of every training step, as metrics.csv keeps them in a checkpoint's folder.
#pragma once
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace shard::chapter_10 {

constexpr const char* metrics_name = "metrics.csv";

struct StepMetrics {
  int64_t step = 0;  // from 1
  double loss = 0, gradient_norm = 0, learning_rate = 0, tokens_per_second = 0;
  double validation_loss = NAN;  // after the step, where it was measured
};

/// Of steps that follow one another.
using Metrics = std::vector<StepMetrics>;

/// The file's text: a line of names, then a line for each step, with all digits.
std::string metrics_text(const Metrics& metrics);

/// Reads such a file, whose last step must be `last`. Throws UsageError, naming it, when it is
/// missing or anything else.
Metrics read_metrics(const std::filesystem::path& file, int64_t last);

}  // namespace shard::chapter_10
