// How long a training step takes with tensor parallelism, and with sequence parallelism.
#pragma once
#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "common/program/runtime.h"

namespace shard::chapter_13 {

struct MeasuredModel {
  std::string name;  // "none": nothing is measured
  GptSizes sizes;
  int64_t batch = 0;
};
/// The one of this name among `models`; throws UsageError for another name.
MeasuredModel model_named(const std::string& name, const std::vector<MeasuredModel>& models);
/// "none", "small" or "large".
MeasuredModel measured_model(const std::string& name);

/// Times `repeat` steps of each design in turns, on all ranks as one tp group. Collective.
void compare_speed(Runtime& runtime, Report& report, const MeasuredModel& model, int64_t repeat);

}  // namespace shard::chapter_13
