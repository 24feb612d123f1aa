// StatusBoard: what each rank is doing, in memory that the ranks of a node share. A rank that has
// waited too long reads there what the others do instead, so that a hang ends in a sentence about
// all of them.
#pragma once
#include <mpi.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/comm/communicator.h"

namespace shard {

class StatusBoard {
 public:
  explicit StatusBoard(MPI_Comm node);  // collective over the node's ranks
  ~StatusBoard();
  StatusBoard(const StatusBoard&) = delete;

  /// This rank waits in a collective or for a message, whose partner is given as a rank of the
  /// world.
  void waits(const Call& call, std::string_view group);
  void computes();  // this rank waits no more
  void leaves();    // this rank ends: what follows is not shown

  /// A rank of the world other than this one that has left; -1 if none of `ranks` has (or none is
  /// on this node).
  int first_that_left(const std::vector<int>& ranks) const;
  /// A rank of this node whose process has ended without leaving; -1 if there is none.
  int first_that_died() const;
  /// True for the first rank of the node that asks: one is enough to tell the user.
  bool may_tell();
  /// "rank 0 is waiting in all_reduce of 128 f32 (#37) on tp for 60.0 s; rank 1 is not in a
  /// collective for …", for `ranks` of the world.
  std::string describe(const std::vector<int>& ranks) const;

 private:
  struct Slot;
  const Slot* slot_of(int world_rank) const;
  int first_gone() const;

  Slot* mine_ = nullptr;
  std::vector<Slot*> slots_;      // of the node's ranks
  std::vector<int> world_ranks_;  // of the same
  MPI_Win window_ = MPI_WIN_NULL;
  bool sees_processes_ = false;  // of the other ranks: not where each is in a container of its own
};

}  // namespace shard
