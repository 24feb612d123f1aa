// The claim of this chapter, shown: a run that is saved on one grid is resumed on every other.
#pragma once
#include "chapters/11_checkpoints/settings.h"

namespace shard::chapter_11 {

/// Trains a small model, saves it after half of the steps, and resumes it there on every grid of
/// at most as many ranks. Checks that each saves the same files again before it takes a step, and
/// that losses and weights at the end are those of the run that was not interrupted. Collective.
void show_round_trips(Runtime& runtime, Report& report, Settings& settings);

}  // namespace shard::chapter_11
