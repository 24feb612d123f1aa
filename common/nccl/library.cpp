// What the shared library gives the programs.
#include "common/comm/gpu_library.h"
#include "common/cuda/cuda_backend.h"
#include "common/nccl/nccl_communicator.h"

namespace shard {
namespace {

class CudaLibrary : public GpuLibrary {
 public:
  int devices(std::string& reason) const override {
    int count = 0;
    const cudaError_t result = cudaGetDeviceCount(&count);
    if (result == cudaSuccess && count > 0) return count;
    cudaGetLastError();
    reason = result == cudaSuccess ? "the driver finds no GPU" : cudaGetErrorString(result);
    return 0;
  }
  std::string place_of(int device) const override {
    char place[32] = "";
    check_cuda(cudaDeviceGetPCIBusId(place, sizeof place, device), "cudaDeviceGetPCIBusId");
    return place;
  }
  std::string collectives() const override { return nccl_name(); }
  bool ranks_may_share_a_device() const override { return nccl_takes_ranks_that_share_a_device(); }
  std::unique_ptr<Backend> make_backend(int device) override {
    return std::make_unique<CudaBackend>(device);
  }
  std::unique_ptr<Communicator> make_communicator(Backend& backend, Ledger& ledger,
                                                  std::unique_ptr<MpiGroup> group) override {
    return std::make_unique<NcclCommunicator>(dynamic_cast<CudaBackend&>(backend), ledger,
                                              std::move(group));
  }
};

}  // namespace
}  // namespace shard

extern "C" shard::GpuLibrary* shard_gpu_library() {
  static shard::CudaLibrary library;
  return &library;
}
