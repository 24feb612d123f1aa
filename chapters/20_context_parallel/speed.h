// How long a training step takes with its sequences cut, beside tensor parallelism.
#pragma once
#include "chapters/13_sequence_parallel/speed.h"
#include "common/program/runtime.h"

namespace shard::chapter_20 {

using chapter_13::MeasuredModel;
/// "none", "small" or "long"; throws UsageError for another name.
MeasuredModel measured_model(const std::string& name);

/// Times `repeat` steps of each design in turns, on all ranks as one group. Collective.
void compare_speed(Runtime& runtime, Report& report, const MeasuredModel& model, int64_t repeat);

}  // namespace shard::chapter_20
