// How every kernel is started: by one function instead of <<<…>>>, so that the same source compiles
// for a GPU and, with the host's compiler, for the emulated GPU of the tests.
#pragma once
#include "common/cuda/check.h"
#include "common/cuda/launch_count.h"

namespace shard {

/// A kernel must ask for more dynamic shared memory than this, on each device anew.
constexpr size_t shared_bytes_by_default = 48 << 10;

/// Starts `kernel` on grid × block threads, each block with `shared_bytes` of dynamic shared
/// memory, in the order of `stream`. Throws Error, naming the kernel, if it cannot start.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
            cudaStream_t stream, const Arguments&... arguments) {
  ++launched;
  cudaError_t result = cudaSuccess;
  if (shared_bytes > shared_bytes_by_default) {
    result = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  static_cast<int>(shared_bytes));
  }
  if (result == cudaSuccess) {
#ifdef SHARD_EMULATED_GPU
    result = emulated_gpu::launch(kernel, grid, block, shared_bytes, stream,
                                  static_cast<Parameters>(arguments)...);
#else
    kernel<<<grid, block, shared_bytes, stream>>>(static_cast<Parameters>(arguments)...);
    result = cudaGetLastError();
#endif
  }
  if (result == cudaSuccess) return;
  const char* name = "a kernel";
#if CUDART_VERSION >= 12030
  cudaFuncGetName(&name, reinterpret_cast<const void*>(kernel));
#endif
  check_cuda(result, text("launch of ", name).c_str());
}

}  // namespace shard
