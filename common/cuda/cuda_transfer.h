// HostTransfer on CUDA: pinned host memory, and copies in the communication stream.
#pragma once
#include <map>
#include <vector>

#include "common/cuda/stream.h"
#include "common/tensor/host_transfer.h"

namespace shard {

class CudaTransfer : public HostTransfer {
 public:
  CudaTransfer(cudaStream_t compute, cudaStream_t communication)
      : compute_(compute), copies_(communication) {}
  ~CudaTransfer() override;

  void* allocate(size_t bytes) override;
  void release(void* block, size_t bytes) noexcept override {
    if (block != nullptr) free_blocks_[bytes].push_back(block);
  }
  void to_host(void* host, const void* device, size_t bytes) override;
  void from_host(void* device, const void* host, size_t bytes) override;
  Mark mark() override;
  void follow_compute() override { order(compute_, copies_); }

 private:
  cudaStream_t compute_, copies_;
  std::map<size_t, std::vector<void*>> free_blocks_;  // by size in bytes
};

}  // namespace shard
