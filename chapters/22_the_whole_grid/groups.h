// Who is in which group: the groups of any grid, by its sizes and the order of its axes, without a
// rank of it; and two published examples.
#pragma once
#include "common/comm/grid.h"
#include "common/program/report.h"

namespace shard::chapter_22 {

/// The grid that --groups shows.
struct GridOfGroups {
  AxisSizes sizes;                                // tp, cp, pp, dp
  int experts = 1;                                // ep ranks, among those of cp and dp
  std::string order = GridLayout::default_order;  // axes of one rank may be left out

  /// Throws UsageError for an order, sizes or a number of experts that make no grid.
  GridLayout layout() const;
};

/// The groups along each axis and along those that work together, with what their ranks exchange,
/// and the table of gradients; checks that each kind has every rank once, and that two groups along
/// different axes meet in one rank.
void show_groups(Report& report, const GridOfGroups& grid);
/// The groups of 16 GPUs that Megatron-LM and Llama 3 print.
void check_published_groups(Report& report);

}  // namespace shard::chapter_22
