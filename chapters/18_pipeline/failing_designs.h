// Designs that fail: gradients that are wrong though the loss is right.
#pragma once
#include "chapters/18_pipeline/trial.h"

namespace shard::chapter_18 {

/// Pipelines that scale or sum in a wrong way, and what their gradients are, by stage. Collective.
void show_failing_designs(Runtime& runtime, Report& report, const Settings& settings);

}  // namespace shard::chapter_18
