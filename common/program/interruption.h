// Interruption: SIGINT, SIGTERM and SIGUSR1 request that a training run stops after its step
// instead of ending at once. mpirun forwards SIGUSR1 to its ranks; after SIGINT or SIGTERM it kills
// them after one second.
#pragma once
#include <array>
#include <csignal>
#include <cstddef>
#include <vector>

#include "common/comm/communicator.h"

namespace shard {

class Interruption {
 public:
  /// During the lifetime of this object the signals are only recorded. A second one ends the
  /// program as usual. Construct it on the main thread, which receives the program's signals.
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;

  /// Whether any rank has received a signal: the same answer on every rank. Collective.
  static bool asked_for(Communicator& world);

 private:
  // Some of oneDNN's generated kernels keep values further below the stack pointer than the 128
  // bytes that a signal handler leaves alone, so the handler gets a stack of its own.
  std::vector<std::byte> stack_{65536};
  stack_t previous_stack_{};
  std::array<struct sigaction, 3> previous_{};
};

}  // namespace shard
