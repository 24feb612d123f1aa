// What attention does to whole rows of outputs, whatever computes them.
#pragma once
#include "common/cuda/kernels/pack.cuh"
#include "common/tensor/attention_settings.h"

namespace shard::kernels {

/// One block per row: into ← both, by the shares that their log-sum-exps give them.
template <class Into, class Part>
__global__ void merge_attention(Into* into, float* log_sum_exp, const Part* part,
                                const float* part_log_sum_exp, int64_t rows, int64_t width) {
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const AttentionShares shares = attention_shares(log_sum_exp[row], part_log_sum_exp[row]);
    for (int64_t c = threadIdx.x; c < width; c += blockDim.x) {
      const int64_t i = row * width + c;
      into[i] =
          shares.first * static_cast<float>(into[i]) + shares.second * static_cast<float>(part[i]);
    }
    __syncthreads();  // all threads have read the log-sum-exp
    if (threadIdx.x == 0) log_sum_exp[row] = shares.log_sum_exp;
  }
}

/// sums ← Σ dout ∘ output over each row [width]. `lanes` threads of a warp, a power of two, share a
/// row.
template <int n, class T>
__global__ void attention_sums(float* sums, const T* dout, const T* output, int64_t rows,
                               int64_t width, int lanes) {
  const int64_t rows_of_block = blockDim.x / lanes;
  const int lane = static_cast<int>(threadIdx.x) % lanes;
  for (int64_t first = blockIdx.x * rows_of_block; first < rows;
       first += gridDim.x * rows_of_block) {
    const int64_t row = first + threadIdx.x / lanes;
    float sum = 0;
    for (int64_t column = n * lane; row < rows && column < width; column += n * lanes) {
      const Floats<n> a = load_floats<n>(dout + row * width + column),
                      b = load_floats<n>(output + row * width + column);
#pragma unroll
      for (int e = 0; e < n; ++e) sum += a.at[e] * b.at[e];
    }
    for (int distance = lanes / 2; distance > 0; distance /= 2)
      sum += __shfl_xor_sync(~0u, sum, distance);
    if (row < rows && lane == 0) sums[row] = sum;
  }
}

}  // namespace shard::kernels
