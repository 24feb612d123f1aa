// One block on each rank's own rows: the same numbers as chapter 07's, and what it communicates.
#pragma once
#include "chapters/13_sequence_parallel/trial.h"

namespace shard::chapter_13 {

/// Which rows of the batch each rank has.
void show_rows(Runtime& runtime, Report& report, const Trial& trial);

/// Y, dX and all gradients against double precision, the unsplit block and finite differences.
/// Collective.
void check_block(Runtime& runtime, Report& report, Trial& trial, const DropoutMoment& moment);

/// Which gradients are only this rank's terms before the one all-reduce, and that it completes
/// them. Collective.
void check_partial_gradients(Runtime& runtime, Report& report, Trial& trial,
                             const DropoutMoment& moment);

/// Collectives and bytes: tensor parallelism, and sequence parallelism in both forms. Collective.
void compare_collectives(Runtime& runtime, Report& report, Trial& trial);

}  // namespace shard::chapter_13
