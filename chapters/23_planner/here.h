// --check-here: what the planner predicts for chapter 22's training step on this machine, and what
// the step takes.
#pragma once
#include <vector>

#include "chapters/23_planner/cluster.h"
#include "chapters/23_planner/here_score.h"
#include "common/program/runtime.h"

namespace shard::chapter_23 {

struct HereModel {
  ModelShape shape;
  int64_t batch = 0;  // sequences
};
/// Three, whose steps take some 100 ms.
std::vector<HereModel> models_here();
/// Of this many ranks, ten different ones if there are several.
std::vector<Layout> layouts_here(int64_t ranks);

/// Trains three models in each of the layouts that fit them, layouts in turns, `rounds` steps each,
/// shows predicted beside measured times, and checks the errors and the order. Throws UsageError
/// for a cluster without measured operations, or of another number of ranks, and on a GPU.
/// Collective.
void check_here(Runtime& runtime, Report& report, const Cluster& cluster, int64_t rounds);

}  // namespace shard::chapter_23
