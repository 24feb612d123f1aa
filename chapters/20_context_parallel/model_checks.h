// A GPT on cut sequences against chapter 10's.
#pragma once
#include "chapters/20_context_parallel/trial.h"

namespace shard::chapter_20 {

/// Losses and all gradients, each way, where ranks have unequally many tokens with a loss; and what
/// becomes of them if every rank divides by its own. Collective.
void check_model(Runtime& runtime, Report& report, const Sizes& sizes, float dropout);

/// Some steps of chapter 10's trainer on every grid tp × cp × dp of all ranks. Collective.
void check_layouts(Runtime& runtime, Report& report, const Sizes& sizes, double dropout);

}  // namespace shard::chapter_20
