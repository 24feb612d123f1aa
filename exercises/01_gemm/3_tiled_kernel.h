#pragma once
#include <cuda_runtime.h>

namespace shard {

/// A block has tile × tile threads, a tile in shared memory tile × tile floats.
constexpr int tile = 32;

/// dX [tokens × in] ← dY [tokens × out] · Aᵀ, where A is stored as [in × out]: all row-major, in
/// the GPU's memory, and of any size. Enqueues one launch in `stream` and does not wait for it.
void input_gradient(int tokens, int in, int out, const float* dy, const float* a, float* dx,
                    cudaStream_t stream);

}  // namespace shard
