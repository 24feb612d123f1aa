// This chapter's step beside chapter 10's: losses, weights and gradients; what is sent; and
// training that goes on from a checkpoint in another sharding.
#pragma once
#include "chapters/15_sharded_optimizer/trial.h"

namespace shard::chapter_15 {

/// The same steps with chapter 10's parts and with each way of sharding. Collective, as all here.
void compare_steps(Runtime& runtime, Report& report, const Settings& settings);
/// The ledger of one step of each.
void compare_ledgers(Runtime& runtime, Report& report, const Settings& settings);
/// Saves on all ranks, and goes on with fewer, and without sharding.
void compare_resumed(Runtime& runtime, Report& report, const Settings& settings);

}  // namespace shard::chapter_15
