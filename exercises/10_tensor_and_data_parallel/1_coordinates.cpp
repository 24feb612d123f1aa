// Exercise 10.1: a rank's place in a grid of three dimensions, and its groups.
//
// Chapter 10 has two dimensions; large runs have more. Context parallelism cuts long sequences over
// cp ranks, and Megatron-LM's default order is tp, cp, dp: the group that communicates most has
// neighbouring ranks. With every new dimension you have to choose the right group again: gradients,
// for example, must be summed along cp *and* dp, since all these ranks hold the same weights and
// process different tokens.
//
// Write: the four functions of 1_coordinates.h, without common/comm/grid.h, which has them for any
//        axes. About 15 lines in all.
// Shapes: a grid of tp · cp · dp ranks; the tests use 24 ranks as plain numbers, and every grid of
//         the ranks that really run.
// Ledger: nothing. Communicator::split makes a group of the ranks that give the same color. It is
//         collective, so all ranks of the world call it, once for each kind of group.
#include "exercises/10_tensor_and_data_parallel/1_coordinates.h"

#include "exercises/todo.h"

namespace shard {

Coordinates coordinates_of(int rank, GridSizes sizes) { todo("coordinates_of"); }

int rank_of(Coordinates coordinates, GridSizes sizes) { todo("rank_of"); }

std::vector<int> ranks_along(int rank, Along along, GridSizes sizes) { todo("ranks_along"); }

std::unique_ptr<Communicator> group_along(Communicator& world, Along along, GridSizes sizes,
                                          const std::string& name) {
  todo("group_along");
}

}  // namespace shard
