// Whose rows each rank multiplies in which step.
#pragma once
#include "common/program/runtime.h"

namespace shard::chapter_17 {

/// Runs both rings, prints the owners of the rows in the order of the products, and checks it.
/// Collective.
void show_schedule(Runtime& runtime, Report& report);

}  // namespace shard::chapter_17
