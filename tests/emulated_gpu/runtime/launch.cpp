// What must hold before a kernel can start.
#include <map>

#include "fault.h"
#include "grid.h"
#include "memory.h"
#include "stream.h"

namespace emulated_gpu {
namespace {

std::map<const void*, size_t>& allowed_shared_bytes() {
  static auto& of_kernels = *new std::map<const void*, size_t>;
  return of_kernels;
}

size_t allowed_shared_bytes(const void* kernel) {
  const auto found = allowed_shared_bytes().find(kernel);
  return found != allowed_shared_bytes().end() ? found->second : size_t{shared_bytes_of_any_kernel};
}

bool has_valid_size(const dim3& grid, const dim3& block) {
  const auto in = [](unsigned size, unsigned most) { return size >= 1 && size <= most; };
  return in(grid.x, INT32_MAX) && in(grid.y, 65535) && in(grid.z, 65535) && in(block.x, 1024) && in(block.y, 1024) &&
         in(block.z, 64) && block.x * block.y * block.z <= threads_of_block_at_most;
}

/// A GPU would fault where the kernel uses the pointer.
void check_pointers(const Launch& launch, std::initializer_list<const void*> pointers) {
  int number = 0;
  for (const void* pointer : pointers) {
    ++number;
    if (pointer == nullptr || device_memory().contains(pointer) || is_pinned(pointer)) continue;
    fail(text("kernel ", kernel_name(launch.kernel), ": argument ", number, " is a pointer to memory of the host"));
  }
}

}  // namespace

cudaError_t enqueue(Launch launch, cudaStream_t handle, std::initializer_list<const void*> pointers) {
  const Stream stream = find_stream(handle);
  if (stream == nullptr || stream->device != current_device()) return returned(cudaErrorInvalidResourceHandle);
  if (!has_valid_size(launch.grid, launch.block)) return returned(cudaErrorInvalidConfiguration);
  if (launch.shared_bytes > allowed_shared_bytes(launch.kernel)) return returned(cudaErrorInvalidValue);
  check_pointers(launch, pointers);
  enqueue_work(stream, "a kernel", [launch = std::move(launch)] { run_grid(launch); });
  return cudaSuccess;
}

}  // namespace emulated_gpu

using namespace emulated_gpu;

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute, int value) {
  if (kernel == nullptr) return returned(cudaErrorInvalidDeviceFunction);
  if (value < 0 || value > shared_bytes_at_most) return returned(cudaErrorInvalidValue);
  allowed_shared_bytes()[kernel] = static_cast<size_t>(value);
  return cudaSuccess;
}

cudaError_t cudaFuncGetName(const char** name, const void* kernel) {
  if (name == nullptr || kernel == nullptr) return returned(cudaErrorInvalidValue);
  *name = symbol_name(kernel);
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* kernel, int block_size,
                                                          size_t dynamic_shared_bytes) {
  if (blocks == nullptr || kernel == nullptr || block_size < 1) return returned(cudaErrorInvalidValue);
  *blocks = block_size > threads_of_block_at_most ? 0 : threads_of_multiprocessor / block_size;
  if (dynamic_shared_bytes > allowed_shared_bytes(kernel)) *blocks = 0;
  if (dynamic_shared_bytes > 0) {
    *blocks = std::min(*blocks, static_cast<int>(shared_bytes_of_multiprocessor / dynamic_shared_bytes));
  }
  return cudaSuccess;
}
