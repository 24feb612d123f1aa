#include "exercises/10_tensor_and_data_parallel/1_coordinates.h"

namespace shard {

Coordinates coordinates_of(int rank, GridSizes sizes) {
  return {rank % sizes.tp, rank / sizes.tp % sizes.cp, rank / (sizes.tp * sizes.cp)};
}

int rank_of(Coordinates coordinates, GridSizes sizes) {
  return (coordinates.dp * sizes.cp + coordinates.cp) * sizes.tp + coordinates.tp;
}

std::vector<int> ranks_along(int rank, Along along, GridSizes sizes) {
  const Coordinates mine = coordinates_of(rank, sizes);
  std::vector<int> ranks;
  for (int other = 0; other < sizes.tp * sizes.cp * sizes.dp; ++other) {
    const Coordinates theirs = coordinates_of(other, sizes);
    const bool same_tp = along.tp || theirs.tp == mine.tp,
               same_cp = along.cp || theirs.cp == mine.cp,
               same_dp = along.dp || theirs.dp == mine.dp;
    if (same_tp && same_cp && same_dp) ranks.push_back(other);
  }
  return ranks;
}

std::unique_ptr<Communicator> group_along(Communicator& world, Along along, GridSizes sizes,
                                          const std::string& name) {
  // the color: the group's smallest rank
  return world.split(ranks_along(world.rank(), along, sizes).front(), name);
}

}  // namespace shard
