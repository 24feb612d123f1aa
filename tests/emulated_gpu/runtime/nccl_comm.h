// An emulated NCCL communicator: an MPI communicator of the same ranks, and what has been enqueued
// on it.
#pragma once
#include <mpi.h>
#include <nccl.h>

#include <deque>
#include <string>

#include "stream.h"

struct ncclComm {
  int device = 0, rank = 0, size = 0;
  bool blocking = true;
  MPI_Comm mpi = MPI_COMM_NULL;
  ncclResult_t state = ncclInProgress;
  /// Background work: returns true when it is done. Empty if nothing does.
  std::function<bool()> background = {};
  bool aborted = false;
  int unfinished = 0;     // operations that were enqueued
  uint64_t enqueued = 0;  // since the beginning

  /// Operations that have not started, by their places in streams: they start in the order in which
  /// they were enqueued.
  struct Place {
    emulated_gpu::Stream stream;
    uint64_t ticket;
    bool operator==(const Place&) const = default;
  };
  std::deque<Place> unstarted = {};

  /// Runs the background work.
  void poll();
};

namespace emulated_gpu {

using Comm = std::shared_ptr<ncclComm>;

/// The communicator of this handle; nullptr if there is none.
Comm find_comm(ncclComm_t handle);
/// Remembers the sentence for ncclGetLastError.
ncclResult_t nccl_error(ncclResult_t result, const std::string& sentence);
/// Ends the process if an MPI call has failed.
void check_mpi(int result, const char* call);

}  // namespace emulated_gpu
