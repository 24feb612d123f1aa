// What a run's trace says about its schedule: which steps each stage has executed, in which order.
#pragma once
#include "chapters/18_pipeline/replay.h"
#include "common/comm/grid.h"

namespace shard::chapter_18 {

/// The steps that the stages execute while `run` runs, from the bars of the first rank of each
/// stage. Collective over the grid's ranks.
Schedule executed(Grid& grid, const std::function<void()>& run);

/// A line for each stage, with a cell for each unit of time: "F0F1····B0--".
std::vector<std::string> drawn(const Replay& replay);

}  // namespace shard::chapter_18
