// Which ranks add up a parameter's gradient from different tokens of the batch: those of cp × dp,
// or, of an expert, those of edp, who alone hold the same one. They hold the same of the parameter,
// so they also share out what a sharded optimizer keeps of it.
#pragma once
#include "common/comm/grid.h"
#include "common/tensor/parameter.h"

namespace shard {

/// All axes that tell such ranks apart: "cp", "dp", and of experts "edp".
const Axes& axes_of_data_ranks();

/// The groups of such ranks: that of cp × dp first; that of edp, if the grid has the axis.
/// Collective over the grid's ranks.
std::vector<Communicator*> groups_of_data_ranks(Grid& grid);

/// The one of these groups that adds up this parameter's gradient. Throws Error for a parameter
/// that is partial over neither, over both, or over one of cp and dp where both have several ranks.
Communicator& data_ranks_of(Grid& grid, const Parameter& parameter);

/// Whether its gradient lacks sums over other axes, of more than one rank.
bool is_partial_over_others(const Grid& grid, const Parameter& parameter);

}  // namespace shard
