// What a training run says at its end: the loss curve, speed, memory, and whether the loss fell.
#pragma once
#include "chapters/10_tensor_and_data_parallel/metrics.h"
#include "chapters/10_tensor_and_data_parallel/settings.h"

namespace shard::chapter_10 {

struct TrainingResults {
  const Metrics& metrics;   // of all steps: those before this run, as far as known, and its own
  int64_t first_step;       // steps that were taken before it
  int64_t new_allocations;  // blocks of device memory that steps after the tenth had to take
  /// Whether there must be none. How much memory a pipeline's messages hold at once depends on the
  /// moments at which they are taken.
  bool memory_settles;
};

/// Prints and draws it. The curve shows all steps, the rest is about those of this run. Collective.
void report_results(Runtime& runtime, Report& report, const Settings& settings,
                    const TrainingResults& run);

}  // namespace shard::chapter_10
