// expect: your ranks_along is always a block of neighbouring ranks
#include "exercises/10_tensor_and_data_parallel/1_coordinates.h"

namespace shard {

Coordinates coordinates_of(int rank, GridSizes sizes) {
  return {rank % sizes.tp, rank / sizes.tp % sizes.cp, rank / (sizes.tp * sizes.cp)};
}

int rank_of(Coordinates coordinates, GridSizes sizes) {
  return (coordinates.dp * sizes.cp + coordinates.cp) * sizes.tp + coordinates.tp;
}

std::vector<int> ranks_along(int rank, Along along, GridSizes sizes) {
  const int size =
      (along.tp ? sizes.tp : 1) * (along.cp ? sizes.cp : 1) * (along.dp ? sizes.dp : 1);
  std::vector<int> ranks;
  for (int i = 0; i < size; ++i) ranks.push_back(rank / size * size + i);
  return ranks;
}

std::unique_ptr<Communicator> group_along(Communicator& world, Along along, GridSizes sizes,
                                          const std::string& name) {
  return world.split(ranks_along(world.rank(), along, sizes).front(), name);
}

}  // namespace shard
