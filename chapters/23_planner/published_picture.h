// The errors of all published steps, as a picture.
#pragma once
#include "chapters/23_planner/published.h"
#include "common/program/report.h"

namespace shard::chapter_23 {

/// Draws a row of dots for each table: (predicted - published) / published, in percent.
void draw_errors(Report& report, const std::vector<PublishedStep>& steps, const Clusters& clusters);

}  // namespace shard::chapter_23
