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

/// The live allocation that begins at `address`.
static Allocation* freeable(void* address) {
  Allocation* found = device_memory().find(address);
  return found != nullptr && found->begin == address && !found->promised ? found : nullptr;
}

cudaError_t cudaMalloc(void** address, size_t bytes) { return allocate(address, bytes); }

/// The memory belongs to the caller from this place in the stream on: what another stream has
/// written to it before, without waiting for this stream, is lost.
cudaError_t cudaMallocAsync(void** address, size_t bytes, cudaStream_t handle) {
  const Stream stream = find_stream(handle);
  if (stream == nullptr) return returned(cudaErrorInvalidResourceHandle);
  const cudaError_t result = allocate(address, bytes);
  if (result != cudaSuccess || bytes == 0) return result;
  enqueue_work(stream, "cudaMallocAsync",
               [memory = *address, bytes] { std::memset(memory, 0xFF, bytes); });
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

cudaError_t cudaFreeHost(void* address) {
  if (address == nullptr) return cudaSuccess;
  if (pinned_memory().erase(static_cast<char*>(address)) == 0)
    return returned(cudaErrorInvalidValue);
  cudaDeviceSynchronize();
  std::free(address);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *total = device_memory().capacity();
  *free = *total - device_memory().used(current_device());
  return cudaSuccess;
}

// ---- The pool of cudaMallocAsync: nothing is kept, so that stale pointers are noticed -----------

struct CUmemPoolHandle_st {};

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  static CUmemPoolHandle_st of_every_device;
  if (pool == nullptr) return returned(cudaErrorInvalidValue);
  if (device < 0 || device >= device_count()) return returned(cudaErrorInvalidDevice);
  *pool = &of_every_device;
  return cudaSuccess;
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr, void* value) {
  return pool == nullptr || value == nullptr ? returned(cudaErrorInvalidValue) : cudaSuccess;
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t) {
  return pool == nullptr ? returned(cudaErrorInvalidValue) : cudaSuccess;
}
