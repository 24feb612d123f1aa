// Designs that fail, run for their error.
#pragma once
#include "chapters/15_sharded_optimizer/trial.h"

namespace shard::chapter_15 {

/// A norm of the own ranges only, weights that nobody gathers, and a decay for whole ranges.
/// Collective.
void show_mistakes(Runtime& runtime, Report& report, const Settings& settings);

}  // namespace shard::chapter_15
