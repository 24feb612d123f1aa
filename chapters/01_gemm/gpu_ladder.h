// The GPU's ladder: the same product, Y = X·A, in four kernels, each faster than the one before.
// Row-major matrices of f32, of any size. The kernels are in gpu_ladder.cu, which is part of the
// GPU library; the rungs above them are the library in f32, TF32 and bf16, which ops.h calls.
#pragma once
#include <string>
#include <vector>

#include "common/tensor/tensor.h"

namespace shard {

/// Y [tokens × out] ← X [tokens × in] · A [in × out], in the order of the backend's work: it is not
/// waited for.
using GpuGemm = void(const Tensor& x, const Tensor& a, Tensor& y);

struct GpuRung {
  std::string name, json_name;
  const char* function;  // of the GPU library: gpu_function<GpuGemm>(function)
  int64_t largest_size;  // above it the rung takes too long for a demonstration
};
const std::vector<GpuRung>& gpu_ladder();

}  // namespace shard

extern "C" {
/// One thread for each element of Y. The 32 threads of a warp compute a column of Y, so each reads
/// a different row of X: 32 places in memory for every multiply-add of the warp.
shard::GpuGemm gpu_uncoalesced_gemm;

/// The same with rows and columns exchanged: the threads of a warp compute a row of Y, read 32
/// adjacent elements of A at once and share one element of X.
shard::GpuGemm gpu_coalesced_gemm;

/// A block of 32 × 32 threads copies a tile of X and a tile of A to shared memory, and reads each
/// element there 32 times.
shard::GpuGemm gpu_tiled_gemm;

/// A thread computes 8 × 8 elements, whose sums stay in registers: 16 values read from shared
/// memory serve 64 multiply-adds. The next tiles are on their way while these are multiplied.
shard::GpuGemm gpu_register_tiled_gemm;
}
