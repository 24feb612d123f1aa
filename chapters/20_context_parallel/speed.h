// How long a training step takes with its sequences cut, beside tensor parallelism.
#pragma once
#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "common/program/runtime.h"

namespace shard::chapter_20 {

struct MeasuredModel {
  std::string name;  // "small", "long", or "none"
  GptSizes sizes;
  int64_t batch = 0;
};
/// The model of this name; throws UsageError for another name.
MeasuredModel measured_model(const std::string& name);

/// Times `repeat` steps of each design in turns, on all ranks as one group. Collective.
void compare_speed(Runtime& runtime, Report& report, const MeasuredModel& model, int64_t repeat);

}  // namespace shard::chapter_20
