// What kernels need that differs between the GPU and its emulation.
#pragma once
#include <cuda_runtime.h>

namespace shard {

/// The block's dynamic shared memory, with the bytes given at the launch; aligned to 16 bytes.
template <class T>
__device__ T* dynamic_shared() {
#ifdef SHARD_EMULATED_GPU
  return static_cast<T*>(emulated_gpu::dynamic_shared_memory());
#else
  extern __shared__ __align__(16) unsigned char dynamic_shared_memory[];
  return reinterpret_cast<T*>(dynamic_shared_memory);
#endif
}

}  // namespace shard
