// MpiGroup: an MPI communicator that is freed by its owner, and the watchful wait: with a time
// limit, an eye on ranks that have left, and the comparison of collectives. MpiCommunicator moves
// tensors with it.
#pragma once
#include <mpi.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/comm/communicator.h"
#include "common/mpi/session.h"
#include "common/mpi/status_board.h"

namespace shard {

/// What this rank waits for does not come, and what it has begun may still be under way: no further
/// call is safe.
struct Unfinished : Error {
  using Error::Error;
};

/// Work that goes on while its rank waits for something else.
class InBackground {
 public:
  InBackground();
  virtual ~InBackground();
  InBackground(const InBackground&) = delete;
  virtual void progress() = 0;
  void stop_progress();
};

class TurnWork;
/// Works that go on one after the other, in the order in which they were started (turn_work.h).
using Turns = std::deque<TurnWork*>;

class MpiGroup {
 public:
  /// Takes `comm` over. Board and settings belong to the session.
  MpiGroup(MPI_Comm comm, std::string name, StatusBoard& board, const MpiSettings& settings);
  ~MpiGroup();
  MpiGroup(const MpiGroup&) = delete;

  MPI_Comm comm() const { return comm_; }
  /// The same ranks, for the collectives of TurnWork: MPI matches calls by their order, and those
  /// on comm() are made at once.
  MPI_Comm comm_of_turns() const { return comm_of_turns_; }
  Turns& turns() { return turns_; }
  Turns& turns_of_messages() { return turns_of_messages_; }
  int rank() const { return rank_; }
  int size() const { return size_; }

  const std::string& name() const { return name_; }
  const MpiSettings& settings() const { return settings_; }
  /// The ranks that name the same color, as a group of their own; nullptr for
  /// Communicator::no_group. Collective.
  std::unique_ptr<MpiGroup> split(int color, const std::string& name) const;

  /// Puts the call on the board; with check_collectives, compares it across the group and throws
  /// Error on a mismatch.
  void announce(const Call& call);
  /// Calls done() until it is true, with `call` on the board. Throws Unfinished after the time
  /// limit, or when a rank of the group has exited.
  void wait(const Call& call, const std::function<bool()>& done) const;
  std::vector<std::string> gather_text(const Call& call, const std::string& text) const;
  std::unique_ptr<Work> start_barrier(const Call& call);
  /// The call with its partner as a rank of the world, as messages and the board name ranks.
  Call in_world(Call call) const;
  int world_rank(int rank) const { return world_ranks_[static_cast<size_t>(rank)]; }

  // For those who wait by other means than wait(): what the board says of this rank, and the same
  // patience.
  void show_waiting(const Call& call) const { board_.waits(in_world(call), name_); }
  void show_computing() const { board_.computes(); }
  class Watch {
   public:
    /// Begins to wait for ranks of `group`.
    explicit Watch(const MpiGroup& group);
    /// Throws Unfinished after the time limit, or when a rank of the group has left. To be called
    /// from time to time.
    void look();

   private:
    const MpiGroup& group_;
    double start_, last_look_, left_since_;
  };

  /// Waits until all ranks are here, in order to end something together, whatever the board says.
  /// False after the time limit.
  bool meet_at_end() const;
  /// Asks done() until it says true, in the same way.
  bool wait_at_end(const std::function<bool()>& done) const;

 private:
  void compare(const Call& mine) const;
  void wait(const Call& call, MPI_Request& request) const;

  MPI_Comm comm_, comm_of_turns_ = MPI_COMM_NULL;
  Turns turns_, turns_of_messages_;
  std::string name_;
  StatusBoard& board_;
  const MpiSettings& settings_;
  int rank_ = 0, size_ = 1;
  std::vector<int> world_ranks_;  // of the group's ranks
};

}  // namespace shard
