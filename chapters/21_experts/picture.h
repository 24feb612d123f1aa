// The picture of chapter 21: which tokens travel where.
#pragma once
#include "chapters/21_experts/trial.h"

namespace shard::chapter_21 {

/// Tokens of all ranks, and lines to the experts that they have chosen. Collective.
void draw_journeys(Runtime& runtime, Report& report, const Sizes& sizes);

}  // namespace shard::chapter_21
