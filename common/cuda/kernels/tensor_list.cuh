// One launch for many tensors: the grid's blocks are dealt out to them.
#pragma once
#include "common/cuda/kernels/pack.cuh"

namespace shard::kernels {

/// Of one launch, at most: a kernel's arguments may have 4 KiB.
constexpr int most_tensors = 64;

/// A launch's tensors, each with what Item says of it; its blocks are those from first_block[i] to
/// first_block[i + 1].
template <class Item>
struct TensorList {
  Item at[most_tensors];
  int first_block[most_tensors + 1];
  int count;

  /// The tensor of this block.
  __device__ int mine() const {
    int low = 0, high = count;  // low's blocks begin at or before this one, high's after it
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      (first_block[middle] <= static_cast<int>(blockIdx.x) ? low : high) = middle;
    }
    return low;
  }
  /// This thread's number among those of tensor i, and how many they are.
  __device__ int64_t thread(int i) const {
    return int64_t{static_cast<int>(blockIdx.x) - first_block[i]} * blockDim.x + threadIdx.x;
  }
  __device__ int64_t threads(int i) const {
    return int64_t{first_block[i + 1] - first_block[i]} * blockDim.x;
  }
};

}  // namespace shard::kernels
