// How long a step takes in a pipeline, and with data parallelism on the same ranks.
#pragma once
#include "chapters/18_pipeline/trial.h"

namespace shard::chapter_18 {

/// Times 1F1B with as many stages as ranks, and chapter 10's step of as many data-parallel ranks,
/// with micro-batches of the same size, `repeat` times in turns. Collective.
void compare_speed(Runtime& runtime, Report& report, const Settings& settings, int64_t repeat);

}  // namespace shard::chapter_18
