// The ranks as a grid of tensor-parallel × data-parallel: rank = dp_rank · tp + tp_rank, so that a
// tp group, which communicates most, has neighbouring ranks and stays within a node (Narayanan et
// al., arXiv:2104.04473, section 3).
#pragma once
#include <memory>

#include "common/comm/communicator.h"

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

/// This rank's two groups: the row and the column of the grid in which it stands.
class ProcessGrid {
 public:
  /// Splits `world` of tp · dp ranks into rows and columns. Collective. Throws UsageError for any
  /// other size.
  ProcessGrid(Communicator& world, int tp, int dp);

  Communicator& tp() { return *tp_; }       // the ranks that share one replica of the model
  Communicator& dp() { return *dp_; }       // the ranks that hold the same part of each replica
  Communicator& world() { return world_; }  // all ranks
  GridPosition position() const { return position_; }  // of this rank

 private:
  Communicator& world_;
  GridPosition position_;
  std::unique_ptr<Communicator> tp_, dp_;
};

}  // namespace shard
