// Machine: the device on which this rank computes, and the library for its collectives. Chosen at
// run time:
//   no GPU                            CPU, collectives by MPI
//   a GPU for every rank of a node    one GPU for each rank, collectives by NCCL
//   more ranks than GPUs              ranks share GPUs; data is copied to host memory, communicated
//                                     by MPI, and copied back (staged)
#pragma once
#include "common/comm/gpu_library.h"
#include "common/mpi/session.h"

namespace shard {

class Machine {
 public:
  /// `device`: auto, cpu or cuda. Throws UsageError if cuda is requested and a rank has no GPU.
  /// Collective.
  Machine(MpiSession& session, const std::string& device);
  /// A CPU of the caller's own.
  Machine(MpiSession& session, std::unique_ptr<Backend> cpu)
      : session_(session), backend_(std::move(cpu)) {}

  Backend& backend() const { return *backend_; }
  /// The group of all ranks. Machine and ledger must outlive it. Collective.
  std::unique_ptr<Communicator> world(Ledger& ledger);
  /// A group of only this rank.
  std::unique_ptr<Communicator> alone(Ledger& ledger);
  /// "NVIDIA H200 (…); collectives by NCCL 2.28.9"
  std::string description() const;

 private:
  MpiSession& session_;
  GpuLibrary* gpus_ = nullptr;
  int gpus_of_node_ = 0;  // number of GPUs that the node's ranks use together
  bool nccl_ = false;
  std::unique_ptr<Backend> backend_;
};

}  // namespace shard
