// --check-here: what the planner predicts for chapter 22's training step on this machine, and what
// the step takes.
#pragma once
#include "chapters/23_planner/cluster.h"
#include "chapters/23_planner/here_score.h"
#include "chapters/23_planner/here_steps.h"
#include "common/program/runtime.h"

namespace shard::chapter_23 {

/// Trains three models in each of the layouts that fit them, layouts in turns, `rounds` steps each,
/// shows predicted beside measured times, and checks the errors and the order. Between the models
/// it measures some operations again, and says where the machine has not the speed that the cluster
/// file says, or was busy: then the errors are not the planner's. Throws UsageError for a cluster
/// without measured operations, or of another number of ranks, and on a GPU. Collective.
void check_here(Runtime& runtime, Report& report, const Cluster& cluster, int64_t rounds);

}  // namespace shard::chapter_23
