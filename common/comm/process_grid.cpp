#include "common/comm/process_grid.h"

namespace shard {

ProcessGrid::ProcessGrid(Communicator& world, int tp, int dp) : world_(world) {
  require_usage(tp > 0 && dp > 0 && int64_t{tp} * dp == world.size(), "--tp ", tp, " × --dp ", dp,
                " is a grid of ", int64_t{tp} * dp, " ranks, but the program runs on ",
                world.size(), world.size() == 1 ? " rank" : " ranks");
  position_ = position_of(world.rank(), tp);
  tp_ = world.split(position_.dp_rank, "tp");
  dp_ = world.split(position_.tp_rank, "dp");
}

}  // namespace shard
