// A GPT with sequence parallelism in chapter 10's trainer: the same losses and gradients in every
// layout.
#pragma once
#include "chapters/13_sequence_parallel/trial.h"

namespace shard::chapter_13 {

/// On every grid tp × dp of all ranks: the losses of some steps, the norm of the first gradient
/// before clipping, and all gradients, beside the unsplit model of chapter 10; and what a step
/// communicates. Collective.
void check_layouts(Runtime& runtime, Report& report, const Sizes& sizes, int64_t layers,
                   double dropout);

}  // namespace shard::chapter_13
