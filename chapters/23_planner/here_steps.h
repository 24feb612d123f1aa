// The steps that --check-here measures: chapter 22's, of three models in ten layouts.
#pragma once
#include <vector>

#include "chapters/23_planner/layout.h"
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

/// Seconds of `rounds` steps of each layout, in turns, on the slowest rank. Collective.
std::vector<std::vector<double>> measured_steps(Runtime& runtime, const HereModel& model,
                                                const std::vector<Layout>& layouts, int64_t rounds);

}  // namespace shard::chapter_23
