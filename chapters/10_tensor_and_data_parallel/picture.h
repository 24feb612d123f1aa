// The pictures of chapter 10: the process grid, and the losses of all layouts on one plot.
#pragma once
#include "chapters/10_tensor_and_data_parallel/layouts.h"
#include "common/comm/grid.h"

namespace shard::chapter_10 {

/// The grid in characters: a row for each dp rank, a column for each tp rank.
Table grid_table(int tp, int dp);

/// The grid with what each rank holds: heads of the model, sequences of a batch. Collective.
void draw_grid(Runtime& runtime, Report& report, Grid& grid, int64_t heads, int64_t batch);

/// The losses of one layout, step by step.
struct LayoutLosses {
  Layout layout;
  std::vector<double> losses;
};
/// All of them over each other, and how far they are from those of the first.
void draw_layouts(Report& report, const std::vector<LayoutLosses>& layouts, double tolerance);

}  // namespace shard::chapter_10
