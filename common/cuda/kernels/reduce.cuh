// Sums and maxima over threads. The order of the operations is always the same, and so are the bits
// of the result.
#pragma once
#include "common/cuda/kernels/pack.cuh"

namespace shard::kernels {

constexpr int warp_size = 32, most_warps = 32;  // of a block

struct Sum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

struct Max {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};

/// Over the 32 threads of a warp; each gets the result.
template <class Combine, class T>
__device__ T warp_reduce(T value) {
#pragma unroll
  for (int distance = warp_size / 2; distance > 0; distance /= 2) {
    value = Combine{}(value, __shfl_xor_sync(0xFFFFFFFFu, value, distance));
  }
  return value;
}

/// Each of `values` over the threads that share threadIdx.y: over the whole block, where that is
/// always 0. Each thread gets the results. All threads of the block must call it, and blockDim.x
/// must be a multiple of 32.
template <class Combine, int count, class T>
__device__ void block_reduce(T (&values)[count]) {
#pragma unroll
  for (T& value : values) value = warp_reduce<Combine>(value);
  if (blockDim.x == warp_size) return;
  __shared__ T of_warp[count][most_warps];
  const unsigned warps = blockDim.x / warp_size, first = threadIdx.y * warps;
  __syncthreads();  // the results of the call before have been read
  if (threadIdx.x % warp_size == 0) {
#pragma unroll
    for (int i = 0; i < count; ++i) of_warp[i][first + threadIdx.x / warp_size] = values[i];
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < count; ++i) {
    values[i] = of_warp[i][first];
    for (unsigned warp = 1; warp < warps; ++warp)
      values[i] = Combine{}(values[i], of_warp[i][first + warp]);
  }
}

template <class T>
__device__ T block_sum(T value) {
  T values[1] = {value};
  block_reduce<Sum>(values);
  return values[0];
}

template <class T>
__device__ T block_max(T value) {
  T values[1] = {value};
  block_reduce<Max>(values);
  return values[0];
}

constexpr int column_threads = 256;  // at most, of a block with several y that calls sum_over_y

/// Each of `values` summed over the threads that share threadIdx.x. Those with threadIdx.y = 0 get
/// the results.
template <int n, class T>
__device__ void sum_over_y(T (&values)[n]) {
  if (blockDim.y == 1) return;
  __shared__ T all[n][column_threads];
  __syncthreads();
#pragma unroll
  for (int i = 0; i < n; ++i) all[i][threadIdx.y * blockDim.x + threadIdx.x] = values[i];
  __syncthreads();
  if (threadIdx.y > 0) return;
  for (unsigned y = 1; y < blockDim.y; ++y) {
#pragma unroll
    for (int i = 0; i < n; ++i) values[i] += all[i][y * blockDim.x + threadIdx.x];
  }
}

}  // namespace shard::kernels
