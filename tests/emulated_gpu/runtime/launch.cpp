// What must hold before a kernel can start.
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
  if (launch.shared_bytes > shared_bytes_of_block_at_most) return returned(cudaErrorInvalidValue);
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
