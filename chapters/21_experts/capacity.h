// A capacity for experts: what it drops, and that results then depend on other tokens.
#pragma once
#include "chapters/21_experts/trial.h"

namespace shard::chapter_21 {

/// Dropped choices for several capacities. Collective.
void show_capacities(Runtime& runtime, Report& report, const Sizes& sizes);

/// Whether rank d-1's results change with the tokens of rank 0: without capacity never, with one
/// they do. And both kinds of weights. Collective.
void check_independence(Runtime& runtime, Report& report, const Sizes& sizes);

}  // namespace shard::chapter_21
