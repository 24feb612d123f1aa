// expect: your answer includes common/comm/grid.h, which declares what the task asks you to write
#include "common/comm/grid.h"
#include "exercises/10_tensor_and_data_parallel/1_coordinates.h"

namespace shard {

static GridLayout layout_of(GridSizes sizes) {
  return GridLayout({{"tp", sizes.tp}, {"cp", sizes.cp}, {"dp", sizes.dp}});
}
static Axes axes_of(Along along) {
  Axes axes;
  if (along.tp) axes.emplace_back("tp");
  if (along.cp) axes.emplace_back("cp");
  if (along.dp) axes.emplace_back("dp");
  return axes;
}

Coordinates coordinates_of(int rank, GridSizes sizes) {
  const GridLayout layout = layout_of(sizes);
  return {layout.coordinate(rank, "tp"), layout.coordinate(rank, "cp"),
          layout.coordinate(rank, "dp")};
}

int rank_of(Coordinates coordinates, GridSizes sizes) {
  return layout_of(sizes).rank_of(
      {{"tp", coordinates.tp}, {"cp", coordinates.cp}, {"dp", coordinates.dp}});
}

std::vector<int> ranks_along(int rank, Along along, GridSizes sizes) {
  return layout_of(sizes).group_of(rank, axes_of(along));
}

std::unique_ptr<Communicator> group_along(Communicator& world, Along along, GridSizes sizes,
                                          const std::string& name) {
  return world.split(layout_of(sizes).color(world.rank(), axes_of(along)), name);
}

}  // namespace shard
