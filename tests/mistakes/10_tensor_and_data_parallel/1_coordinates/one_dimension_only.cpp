// expect: your ranks_along is right for one dimension; of two, only the first counts
#include "exercises/10_tensor_and_data_parallel/1_coordinates.h"

namespace shard {

Coordinates coordinates_of(int rank, GridSizes sizes) {
  return {rank % sizes.tp, rank / sizes.tp % sizes.cp, rank / (sizes.tp * sizes.cp)};
}

int rank_of(Coordinates coordinates, GridSizes sizes) {
  return (coordinates.dp * sizes.cp + coordinates.cp) * sizes.tp + coordinates.tp;
}

std::vector<int> ranks_along(int rank, Along along, GridSizes sizes) {
  Coordinates other = coordinates_of(rank, sizes);
  std::vector<int> ranks;
  if (along.tp) {
    for (other.tp = 0; other.tp < sizes.tp; ++other.tp) ranks.push_back(rank_of(other, sizes));
  } else if (along.cp) {
    for (other.cp = 0; other.cp < sizes.cp; ++other.cp) ranks.push_back(rank_of(other, sizes));
  } else {
    for (other.dp = 0; other.dp < sizes.dp; ++other.dp) ranks.push_back(rank_of(other, sizes));
  }
  return ranks;
}

std::unique_ptr<Communicator> group_along(Communicator& world, Along along, GridSizes sizes,
                                          const std::string& name) {
  return world.split(ranks_along(world.rank(), along, sizes).front(), name);
}

}  // namespace shard
