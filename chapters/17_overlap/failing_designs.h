// Designs of the two rings that compute something else.
#pragma once
#include "common/program/runtime.h"

namespace shard::chapter_17 {

/// Runs them, and prints how wrong they are. Collective.
void show_failing_designs(Runtime& runtime, Report& report);

}  // namespace shard::chapter_17
