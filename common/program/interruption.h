// Interruption: SIGINT, SIGTERM and SIGUSR1 request that a training run stops after its step
// instead of ending at once. mpirun forwards SIGUSR1 to its ranks; after SIGINT or SIGTERM it kills
// them after one second.
#pragma once
#include <csignal>

#include "common/comm/communicator.h"

namespace shard {

class Interruption {
 public:
  /// During the lifetime of this object the signals are only recorded. A second one ends the
  /// program as usual.
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;

  /// Whether any rank has received a signal: the same answer on every rank. Collective.
  static bool asked_for(Communicator& world);

 private:
  struct sigaction interrupt_ {
  }, terminate_{}, user_{};  // the previous actions
};

}  // namespace shard
