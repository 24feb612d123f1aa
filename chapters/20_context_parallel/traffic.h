// What each way of attention sends.
#pragma once
#include "chapters/20_context_parallel/trial.h"

namespace shard::chapter_20 {

/// Calls and bytes of each way, forward and backward, against formulas. Collective.
void check_traffic(Runtime& runtime, Report& report, const Trial& trial);

}  // namespace shard::chapter_20
