// The picture of --layouts: how far the gradients of each combination are from one rank's.
#pragma once
#include "chapters/22_the_whole_grid/layouts.h"

namespace shard::chapter_22 {

/// The largest relative error of a parameter's gradient, by combination.
struct GradientErrorOf {
  std::string table;  // in which of the tables it is
  double error = 0;
};
void draw_errors(Report& report, const std::vector<GradientErrorOf>& errors, double tolerance);

}  // namespace shard::chapter_22
