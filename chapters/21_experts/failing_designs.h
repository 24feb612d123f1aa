// Designs that fail, most of them without a trace in the first loss.
#pragma once
#include "chapters/21_experts/trial.h"

namespace shard::chapter_21 {

/// Collective.
void show_failing_designs(Runtime& runtime, Report& report, const Sizes& sizes);

}  // namespace shard::chapter_21
