#include "common/cuda/cuda_transfer.h"

#include <memory>

namespace shard {

CudaTransfer::~CudaTransfer() {
  for (const auto& [bytes, blocks] : free_blocks_) {
    for (void* block : blocks) cudaFreeHost(block);
  }
}

void* CudaTransfer::allocate(size_t bytes) {
  void* block = nullptr;
  if (bytes == 0) return block;
  auto& same_size = free_blocks_[bytes];
  if (same_size.empty()) {
    const cudaError_t result = cudaHostAlloc(&block, bytes, cudaHostAllocDefault);
    require(result != cudaErrorMemoryAllocation, "out of memory: ", bytes,
            " bytes of pinned host memory for a collective");
    check_cuda(result, "cudaHostAlloc");
  } else {
    block = same_size.back();
    same_size.pop_back();
  }
  return block;
}

void CudaTransfer::to_host(void* host, const void* device, size_t bytes) {
  if (bytes > 0)
    check_cuda(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, copies_),
               "cudaMemcpyAsync");
}

void CudaTransfer::from_host(void* device, const void* host, size_t bytes) {
  if (bytes > 0)
    check_cuda(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, copies_),
               "cudaMemcpyAsync");
}

HostTransfer::Mark CudaTransfer::mark() {
  auto event = std::make_shared<Event>();
  event->record(copies_);
  return [event] { return event->has_happened(); };
}

}  // namespace shard
