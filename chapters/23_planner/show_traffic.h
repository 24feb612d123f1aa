// What chapter 22's training communicates in a layout, as a table.
#pragma once
#include "chapters/23_planner/search.h"
#include "common/program/report.h"

namespace shard::chapter_23 {

/// Prints the calls and bytes that rank 0 gives to each collective in a step, in f32, whatever the
/// cluster's values are: traffic.h.
void show_traffic(Report& report, const Job& job, const Layout& layout);

}  // namespace shard::chapter_23
