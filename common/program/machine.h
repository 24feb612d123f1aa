// Machine: the device on which this rank computes, and the way its collectives take. Chosen at run
// time:
//   no GPU                            CPU, collectives by MPI
//   a GPU for every rank of a node    one each, collectives by NCCL
//   more ranks than GPUs              ranks share GPUs; MPI moves what is copied to host memory and
//   back (staged)
#pragma once
#include "common/comm/gpu_library.h"
#include "common/mpi/session.h"

namespace shard {

/// What this rank computes on, for as long as the program runs.
class Machine {
 public:
  /// `device`: auto, cpu or cuda. Throws UsageError where cuda is asked for and a rank has no GPU.
  /// Collective.
  Machine(MpiSession& session, const std::string& device);

  Backend& backend() const { return *backend_; }  // this rank's device
  /// All ranks as a group. Machine and ledger must outlive it. Collective.
  std::unique_ptr<Communicator> world(Ledger& ledger);
  /// This rank alone as a group.
  std::unique_ptr<Communicator> alone(Ledger& ledger);
  /// "NVIDIA H200 (…); collectives by NCCL 2.28.9"
  std::string description() const;

 private:
  MpiSession& session_;
  GpuLibrary* gpus_ = nullptr;
  int gpus_of_node_ = 0;  // that its ranks use, whatever each of them sees
  bool nccl_ = false;
  std::unique_ptr<Backend> backend_;
};

}  // namespace shard
