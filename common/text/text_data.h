// Text as training data: batches that are functions of (seed, step, sequence).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/partition.h"

namespace shard {

/// Reads `file`; an empty name means the default text, data/text.txt of this repository, so that
/// training needs no download. Throws UsageError when the file is missing or empty.
std::string read_text(const std::string& file);

/// A text's tokens, the last part of which is reserved for validation.
class TextData {
 public:
  /// Throws UsageError if the training or the validation part is shorter than one context and its
  /// targets.
  TextData(std::vector<int32_t> tokens, double validation_fraction, int64_t context);

  /// Sequences `range` of training batch `step`: tokens and targets, each [range.size()·context].
  /// Sequence i starts at a random position that depends only on (seed, step, i).
  struct Sequences {
    std::vector<int32_t> tokens, targets;
  };
  Sequences training(uint64_t seed, int64_t step, Range range) const;

  /// The number of windows (consecutive contexts) of the validation part; and, of `chosen` windows
  /// spread evenly over them, those in `range`.
  int64_t validation_windows() const { return (std::ssize(validation_) - 1) / context_; }
  Sequences validation(int64_t chosen, Range range) const;

  int64_t training_tokens() const { return std::ssize(training_); }
  int64_t validation_tokens() const { return std::ssize(validation_); }

 private:
  int64_t context_;
  std::vector<int32_t> training_, validation_;
};

}  // namespace shard
