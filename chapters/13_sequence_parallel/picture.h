// A picture of what each rank has of a block's activations: rows, then columns, then rows.
#pragma once
#include "chapters/13_sequence_parallel/trial.h"

namespace shard::chapter_13 {

/// Draws the way through the MLP for --picture. Collective.
void draw_regions(Runtime& runtime, Report& report, const Trial& trial);

}  // namespace shard::chapter_13
