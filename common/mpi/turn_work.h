// TurnWork: a collective that does not call MPI once and for all when it is started.
#pragma once
#include "common/mpi/host_work.h"

namespace shard {

/// A collective that has a turn among those of its group: until it ends its turn, those that were
/// started later do nothing. So all ranks call MPI's collectives in the same order, whatever they
/// wait for or poll first, and pieces of one collective follow one another. It goes on while its
/// rank waits for anything: other ranks may wait for it.
class TurnWork : public HostWork, public InBackground {
 public:
  /// `turns` are those of the group.
  TurnWork(MpiGroup& group, Backend& backend, const Call& call, Turns& turns);
  ~TurnWork() override { end_turn(); }
  void progress() override;
  void abandon() override;

 protected:
  /// Lets those before go on. True if they have ended their turns, or this one has.
  bool has_turn();
  void end_turn() { std::erase(turns_, this); }

 private:
  Turns& turns_;
};

}  // namespace shard
