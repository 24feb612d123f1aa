// Two ways to balance the experts' loads.
#pragma once
#include "chapters/21_experts/trial.h"

namespace shard::chapter_21 {

/// The balance loss with the counts of all ranks, and with each rank's own. Collective.
void check_balance_loss(Runtime& runtime, Report& report, const Sizes& sizes);

/// The bias: how the largest load falls, step by step. Collective.
void show_bias(Runtime& runtime, Report& report, const Sizes& sizes);

}  // namespace shard::chapter_21
