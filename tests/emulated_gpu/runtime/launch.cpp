// What must hold before a kernel can start.
#include <algorithm>
#include <map>
#include <utility>

#include "fault.h"
#include "grid.h"
#include "memory.h"
#include "stream.h"

namespace emulated_gpu {
namespace {

bool has_valid_size(const dim3& grid, const dim3& block) {
  const auto in = [](unsigned size, unsigned most) { return size >= 1 && size <= most; };
  return in(grid.x, INT32_MAX) && in(grid.y, 65535) && in(grid.z, 65535) && in(block.x, 1024) &&
         in(block.y, 1024) && in(block.z, 64) &&
         block.x * block.y * block.z <= threads_of_block_at_most;
}

/// Bytes of dynamic shared memory that a kernel has asked for on a device.
std::map<std::pair<int, const void*>, size_t>& granted_bytes() {
  static std::map<std::pair<int, const void*>, size_t> granted;
  return granted;
}

size_t most_shared_bytes(const void* kernel) {
  const auto granted = granted_bytes().find({current_device(), kernel});
  return granted != granted_bytes().end() ? granted->second : shared_bytes_by_default;
}

/// A GPU would fault where the kernel uses the pointer.
void check_pointers(const Launch& launch, std::initializer_list<const void*> pointers) {
  int number = 0;
  for (const void* pointer : pointers) {
    ++number;
    if (pointer == nullptr || device_memory().contains(pointer) || is_pinned(pointer)) continue;
    fail(text("kernel ", kernel_name(launch.kernel), ": argument ", number,
              " is a pointer to memory of the host"));
  }
}

}  // namespace

cudaError_t enqueue(Launch launch, cudaStream_t handle,
                    std::initializer_list<const void*> pointers) {
  const Stream stream = find_stream(handle);
  if (stream == nullptr || stream->device != current_device())
    return returned(cudaErrorInvalidResourceHandle);
  if (!has_valid_size(launch.grid, launch.block)) return returned(cudaErrorInvalidConfiguration);
  if (launch.shared_bytes > most_shared_bytes(launch.kernel))
    return returned(cudaErrorInvalidValue);
  check_pointers(launch, pointers);
  enqueue_work(stream, "a kernel", [launch = std::move(launch)] { run_grid(launch); });
  return cudaSuccess;
}

}  // namespace emulated_gpu

using namespace emulated_gpu;

cudaError_t cudaFuncGetName(const char** name, const void* kernel) {
  if (name == nullptr || kernel == nullptr) return returned(cudaErrorInvalidValue);
  *name = symbol_name(kernel);
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  const bool fits = value >= 0 && static_cast<size_t>(value) <= shared_bytes_of_block_at_most;
  if (kernel == nullptr || attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || !fits)
    return returned(cudaErrorInvalidValue);
  granted_bytes()[{current_device(), kernel}] =
      std::max(static_cast<size_t>(value), shared_bytes_by_default);
  return cudaSuccess;
}
