#pragma once
#include <memory>
#include <string>
#include <vector>

#include "common/comm/communicator.h"

namespace shard {

/// A grid of tp · cp · dp ranks. tp ranks share each matrix, cp ranks share the tokens of each
/// sequence (context parallelism), dp ranks share the sequences of the batch.
struct GridSizes {
  int tp = 1, cp = 1, dp = 1;
};

struct Coordinates {
  int tp = 0, cp = 0, dp = 0;
  bool operator==(const Coordinates&) const = default;
};

/// The dimensions along which the ranks of a group differ. {.tp = true}: the tp group;
/// {.cp = true, .dp = true}: the ranks that hold the same weights and sum their gradients.
struct Along {
  bool tp = false, cp = false, dp = false;
};

/// tp changes fastest, then cp, then dp: rank 0 is (0, 0, 0), rank 1 is (1, 0, 0) if tp > 1.
Coordinates coordinates_of(int rank, GridSizes sizes);
int rank_of(Coordinates coordinates, GridSizes sizes);

/// All ranks of the grid, including `rank`, whose coordinates equal those of `rank` except in the
/// dimensions that `along` names. In ascending order.
std::vector<int> ranks_along(int rank, Along along, GridSizes sizes);

/// The same ranks of `world` as a communicator with this name, in the order of ranks_along.
/// Collective.
std::unique_ptr<Communicator> group_along(Communicator& world, Along along, GridSizes sizes,
                                          const std::string& name);

}  // namespace shard
