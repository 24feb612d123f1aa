// Copies and fills. Every range is checked when the call is made.
#include <cstring>

#include "fault.h"
#include "memory.h"
#include "stream.h"

using namespace emulated_gpu;

/// Whether all bytes lie in memory of the side where they should.
static bool lies_in(bool on_device, const void* address, size_t bytes) {
  if (on_device) return device_memory().offers(address, bytes);
  if (address == nullptr || device_memory().contains(address)) return false;
  if (!is_pinned(address)) return true;
  const char* begin = static_cast<const char*>(address);
  const auto block = std::prev(pinned_memory().upper_bound(begin));
  return begin + bytes <= block->first + block->second;
}

/// Device memory and page-locked memory are read and written when the stream gets there; pageable
/// memory now.
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t handle) {
  const Stream stream = find_stream(handle);
  if (stream == nullptr) return returned(cudaErrorInvalidResourceHandle);
  if (bytes == 0) return cudaSuccess;
  const bool from_device = kind != cudaMemcpyHostToDevice,
             to_device = kind != cudaMemcpyDeviceToHost;
  if (!lies_in(to_device, to, bytes) || !lies_in(from_device, from, bytes))
    return returned(cudaErrorInvalidValue);
  // Pageable memory, too, is read only when the stream gets there.
  enqueue_work(stream, "cudaMemcpyAsync", [=] { std::memmove(to, from, bytes); });
  if (!to_device && !is_pinned(to)) wait_for(stream);
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  const cudaError_t result = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  if (result == cudaSuccess) wait_for(find_stream(nullptr));
  return result;
}

cudaError_t cudaMemsetAsync(void* address, int value, size_t bytes, cudaStream_t handle) {
  const Stream stream = find_stream(handle);
  if (stream == nullptr) return returned(cudaErrorInvalidResourceHandle);
  if (bytes == 0) return cudaSuccess;
  if (!device_memory().offers(address, bytes)) return returned(cudaErrorInvalidValue);
  enqueue_work(stream, "cudaMemsetAsync", [=] { std::memset(address, value, bytes); });
  return cudaSuccess;
}

cudaError_t cudaMemset(void* address, int value, size_t bytes) {
  return cudaMemsetAsync(address, value, bytes, nullptr);
}
