// The picture of a plan: memory and time of the best layouts by kind, and the step over tp × pp.
#pragma once
#include "chapters/23_planner/explain.h"

namespace shard::chapter_23 {

/// Draws the first `rows` of the best, at most 6, and of all grids the fastest of each tp and pp.
void draw_plan(Report& report, const Job& job, const std::vector<Candidate>& best, int64_t rows);

}  // namespace shard::chapter_23
