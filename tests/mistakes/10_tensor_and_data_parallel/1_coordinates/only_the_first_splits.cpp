// expect: rank 1, rank 2 have returned from your function; rank 0 waits in split
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
    if ((along.tp || theirs.tp == mine.tp) && (along.cp || theirs.cp == mine.cp) &&
        (along.dp || theirs.dp == mine.dp)) {
      ranks.push_back(other);
    }
  }
  return ranks;
}

std::unique_ptr<Communicator> group_along(Communicator& world, Along along, GridSizes sizes,
                                          const std::string& name) {
  const int first = ranks_along(world.rank(), along, sizes).front();
  return world.rank() == first ? world.split(first, name)
                               : nullptr;  // once for each group, its first rank thinks
}

}  // namespace shard
