// The layer on ranks against the unsplit one: numbers, and what is communicated.
#pragma once
#include "chapters/21_experts/trial.h"

namespace shard::chapter_21 {

/// How many tokens go from each rank to each expert, and that none is lost. Collective.
void show_counts(Runtime& runtime, Report& report, const Sizes& sizes);

/// Y, dX and all gradients for every layout, an expert without tokens. Collective.
void check_layouts(Runtime& runtime, Report& report, const Sizes& sizes);

/// The unsplit layer against double precision and finite differences, both kinds of weights.
/// Collective.
void check_formula(Runtime& runtime, Report& report, const Sizes& sizes);

/// The ledger: four exchanges, and counts. Collective.
void check_calls_of_layer(Runtime& runtime, Report& report, const Sizes& sizes);

}  // namespace shard::chapter_21
