// Progress of a training run: one line that is updated on a terminal, occasional lines elsewhere.
#pragma once
#include <cstdint>
#include <string>

#include "common/program/report.h"

namespace shard {

class Progress {
 public:
  /// Steps count from `first_step`, the number of steps of a resumed run so far, to `steps`; each
  /// trains on `tokens_per_step` tokens. Shown by rank 0.
  Progress(Report& report, int64_t first_step, int64_t steps, int64_t tokens_per_step);
  void step(double loss, double seconds);
  void validated(double loss);
  void end();

 private:
  std::string line(size_t width) const;

  Report& report_;
  int64_t first_step_, steps_, tokens_per_step_, done_;
  double loss_ = 0;
  double seconds_ = 0;     // of all steps of this run so far
  double last_shown_ = 0;  // clock.h
  bool moving_;            // whether the line is updated: on a terminal
  std::string validation_;
};

}  // namespace shard
