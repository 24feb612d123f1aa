// Interruption: SIGINT, SIGTERM and SIGUSR1 ask a training run to stop after its step instead of
// ending it at once. SIGUSR1 is the one that mpirun hands on to its ranks; after the others it
// gives them a second, then kills them.
#pragma once
#include <csignal>

#include "common/comm/communicator.h"

namespace shard {

class Interruption {
 public:
  /// From now to the end of this object the signals are only noted. A second one ends the program
  /// as usual.
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;

  /// Whether any rank has been asked to stop: the same answer on every rank. Collective.
  static bool asked_for(Communicator& world);

 private:
  struct sigaction interrupt_ {
  }, terminate_{}, user_{};  // what was done before
};

}  // namespace shard
