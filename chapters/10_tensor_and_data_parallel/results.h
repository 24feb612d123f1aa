// What a training run says at its end: the loss curve, speed, memory, and whether the loss fell.
#pragma once
#include "chapters/10_tensor_and_data_parallel/settings.h"
#include "chapters/10_tensor_and_data_parallel/training.h"

namespace shard {

/// Prints and draws it. The curve shows all steps, the rest is about those of this run. Collective.
void report_results(Runtime& runtime, Report& report, const Settings& settings,
                    const TrainingRun& run);

}  // namespace shard
