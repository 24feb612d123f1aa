// Taking and giving back memory.
#include <cstdlib>
#include <cstring>

#include "fault.h"
#include "leaks.h"
#include "memory.h"
#include "stream.h"

using namespace emulated_gpu;

static cudaError_t allocate(void** address, size_t bytes) {
  if (address == nullptr) return returned(cudaErrorInvalidValue);
  report_leaks_at_exit();
  *address = bytes > 0 ? device_memory().allocate(current_device(), bytes) : nullptr;
  return bytes > 0 && *address == nullptr ? returned(cudaErrorMemoryAllocation) : cudaSuccess;
}

/// The live allocation that begins at `address` and that nobody has freed yet.
static Allocation* freeable(void* address) {
  Allocation* found = device_memory().find(address);
  return found != nullptr && found->begin == address && !found->promised ? found : nullptr;
}

cudaError_t cudaMalloc(void** address, size_t bytes) { return allocate(address, bytes); }

/// The memory belongs to the caller from this place in the stream on: what another stream has written to it before,
/// without waiting for this stream, is lost.
cudaError_t cudaMallocAsync(void** address, size_t bytes, cudaStream_t handle) {
  const Stream stream = find_stream(handle);
  if (stream == nullptr) return returned(cudaErrorInvalidResourceHandle);
  const cudaError_t result = allocate(address, bytes);
  if (result != cudaSuccess || bytes == 0) return result;
  enqueue_work(stream, "cudaMallocAsync", [memory = *address, bytes] { std::memset(memory, 0xFF, bytes); });
  return cudaSuccess;
}

/// Waits for all work of the device, as CUDA does.
cudaError_t cudaFree(void* address) {
  if (address == nullptr) return cudaSuccess;
  if (freeable(address) == nullptr) return returned(cudaErrorInvalidValue);
  cudaDeviceSynchronize();
  const Doing doing("cudaFree");
  device_memory().free(address);
  return cudaSuccess;
}

cudaError_t cudaFreeAsync(void* address, cudaStream_t handle) {
  const Stream stream = find_stream(handle);
  if (stream == nullptr) return returned(cudaErrorInvalidResourceHandle);
  if (address == nullptr) return cudaSuccess;
  Allocation* allocation = freeable(address);
  if (allocation == nullptr) return returned(cudaErrorInvalidValue);
  allocation->promised = true;
  enqueue(stream, [address] {
    const Doing doing("cudaFreeAsync");
    device_memory().free(address);
    return true;
  });
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** address, size_t bytes, unsigned int) {
  if (address == nullptr) return returned(cudaErrorInvalidValue);
  *address = nullptr;
  if (bytes == 0) return cudaSuccess;
  report_leaks_at_exit();
  *address = std::malloc(bytes);
  if (*address == nullptr) return returned(cudaErrorMemoryAllocation);
  std::memset(*address, 0xFF, bytes);
  pinned_memory()[static_cast<char*>(*address)] = bytes;
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** address, size_t bytes, unsigned int flags) {
  return cudaHostAlloc(address, bytes, flags);
}

cudaError_t cudaFreeHost(void* address) {
  if (address == nullptr) return cudaSuccess;
  if (pinned_memory().erase(static_cast<char*>(address)) == 0) return returned(cudaErrorInvalidValue);
  cudaDeviceSynchronize();
  std::free(address);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *total = device_memory().capacity();
  *free = *total - device_memory().used(current_device());
  return cudaSuccess;
}

// ---- The pool of cudaMallocAsync: nothing is kept, so that stale pointers are noticed --------------------------------

struct CUmemPoolHandle_st {
  int device;
  uint64_t release_threshold;
};

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  static auto& pools = *new std::map<int, CUmemPoolHandle_st>;
  if (pool == nullptr) return returned(cudaErrorInvalidValue);
  if (device < 0 || device >= device_count()) return returned(cudaErrorInvalidDevice);
  *pool = &pools.try_emplace(device, CUmemPoolHandle_st{device, 0}).first->second;
  return cudaSuccess;
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  if (pool == nullptr || attribute != cudaMemPoolAttrReleaseThreshold) return returned(cudaErrorInvalidValue);
  pool->release_threshold = *static_cast<uint64_t*>(value);
  return cudaSuccess;
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  if (pool == nullptr || value == nullptr) return returned(cudaErrorInvalidValue);
  *static_cast<uint64_t*>(value) =
      attribute == cudaMemPoolAttrReleaseThreshold ? pool->release_threshold : device_memory().used(pool->device);
  return cudaSuccess;
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t) {
  return pool == nullptr ? returned(cudaErrorInvalidValue) : cudaSuccess;
}
