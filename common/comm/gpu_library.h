// GpuLibrary: all that needs CUDA and NCCL, in a shared library of its own. A program loads it when
// it finds a GPU, so one build runs with and without. cuda/ implements it; tests/emulated_gpu/
// compiles the same sources for a GPU that is played by the CPU.
#pragma once
#include <memory>
#include <string>

#include "common/comm/communicator.h"
#include "common/tensor/backend.h"

namespace shard {

class MpiGroup;

/// What the library of CUDA and NCCL does for a program.
class GpuLibrary {
 public:
  virtual ~GpuLibrary() = default;
  /// How many this process sees, and the reason where there is none.
  virtual int devices(std::string& reason) const = 0;
  /// Where the device is plugged in: the same text for the same GPU, whatever number a process
  /// gives it.
  virtual std::string place_of(int device) const = 0;
  virtual std::string collectives() const = 0;  // whose they are: "NCCL 2.28.9"
  /// Whether NCCL takes several ranks on one GPU: from 2.30 on, if NCCL_MULTI_RANK_GPU_ENABLE=1 is
  /// set.
  virtual bool ranks_may_share_a_device() const = 0;
  /// The device of this number, from 0. Throws Error when it cannot be used.
  virtual std::unique_ptr<Backend> make_backend(int device) = 0;
  /// A communicator of the group's ranks over NCCL; the group itself carries what is not a tensor.
  /// Collective.
  virtual std::unique_ptr<Communicator> make_communicator(Backend& backend, Ledger& ledger,
                                                          std::unique_ptr<MpiGroup> group) = 0;
};

/// The library of this machine's GPUs; nullptr, and the reason, where there is none. With
/// SHARD_EMULATED_GPUS=N in the environment it is the emulated one, with N GPUs.
GpuLibrary* find_gpu_library(std::string& reason);
/// A function that a chapter's .cu file gives the library, by its extern "C" name. Only once a
/// library has been found.
void* gpu_symbol(const char* name);
/// The same as a function of the type that its header declares.
template <class Function>
Function* gpu_function(const char* name) {
  return reinterpret_cast<Function*>(gpu_symbol(name));
}

}  // namespace shard

/// What the shared library exports.
extern "C" shard::GpuLibrary* shard_gpu_library();
