// The dropout masks of the block, and what depends on them.
#pragma once
#include "chapters/07_transformer_block/trial.h"

namespace shard::chapter_07 {

/// Checks the share of dropped elements, that all ranks have the same masks, and that a part of the
/// batch gets the masks of the whole. Collective.
void check_masks(Runtime& runtime, Report& report, Trial& trial, DropoutMoment moment);

/// Checks that replicated numbers are identical on all ranks. They are equal only because every
/// rank computes the same: with a seed for each rank they diverge. Collective.
void show_replicas(Runtime& runtime, Report& report, Trial& trial, DropoutMoment moment);

}  // namespace shard::chapter_07
