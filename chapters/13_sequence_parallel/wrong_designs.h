// Designs that fail, and how far they are off.
#pragma once
#include "chapters/13_sequence_parallel/trial.h"

namespace shard::chapter_13 {

/// Norm gradients that are not summed, or averaged; a bias before the sum; the same mask on each
/// rank's rows. Collective.
void show_wrong_designs(Runtime& runtime, Report& report, Trial& trial,
                        const DropoutMoment& moment);

}  // namespace shard::chapter_13
