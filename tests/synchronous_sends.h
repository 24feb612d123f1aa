// Sends that wait for their receivers, as those of long messages do: they expose deadlocks that
// MPI's buffers hide.
#pragma once
#include "common/mpi/session.h"
#include "tests/test_world.h"

namespace shard {

/// During its lifetime, all sends are of this kind.
struct SynchronousSends {
  SynchronousSends() {
    session().configure({.timeout = 20, .check_collectives = true, .synchronous_sends = true});
  }
  ~SynchronousSends() { session().configure({.timeout = 20, .check_collectives = true}); }
  SynchronousSends(const SynchronousSends&) = delete;
};

}  // namespace shard
