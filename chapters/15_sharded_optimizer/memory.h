// The bytes of a training's state: measured here, and of the models in ZeRO's Table 1.
#pragma once
#include "chapters/15_sharded_optimizer/trial.h"

namespace shard::chapter_15 {

/// Weights, gradients and moments of the model on this rank, in each way of sharding, beside the
/// formula. Collective.
void show_memory(Runtime& runtime, Report& report, const Settings& settings);

/// Rajbhandari et al., "ZeRO", arXiv:1910.02054, Table 1.
void show_table_1(Report& report);

}  // namespace shard::chapter_15
