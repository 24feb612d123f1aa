// The grid of tensor-parallel × data-parallel, as chapter 10 uses it.
#pragma once
#include "common/comm/grid.h"

namespace shard {

/// A rank's place in the grid.
struct GridPosition {
  int tp_rank = 0, dp_rank = 0;  // its number in its tensor-parallel and in its data-parallel group
  bool operator==(const GridPosition&) const = default;
};

/// The place of rank `rank` in a grid with `tp` ranks a row.
constexpr GridPosition position_of(int rank, int tp) { return {rank % tp, rank / tp}; }
/// The rank at a place: dp_rank · tp + tp_rank.
constexpr int rank_of(GridPosition position, int tp) {
  return position.dp_rank * tp + position.tp_rank;
}

class ProcessGrid : public Grid {
 public:
  /// Collective. Throws UsageError unless `world` has tp · dp ranks.
  ProcessGrid(Communicator& world, int tp, int dp) : Grid(world, {{"tp", tp}, {"dp", dp}}) {}
  GridPosition position() const { return {coordinate("tp"), coordinate("dp")}; }  // of this rank
};

}  // namespace shard
