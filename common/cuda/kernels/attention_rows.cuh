// What attention does to whole rows of outputs, whatever computes them.
#pragma once
#include "common/cuda/kernels/attention_inputs.cuh"
#include "common/cuda/kernels/pack.cuh"

namespace shard::kernels {

/// One block per row: into ← both, by the shares that their log-sum-exps give them.
template <class Into, class Part>
__global__ void merge_attention(Matrices<Into> into, float* log_sum_exp, Matrices<const Part> part,
                                const float* part_log_sum_exp, int64_t matrices, int64_t rows,
                                int64_t width) {
  for (int64_t i = blockIdx.x; i < matrices * rows; i += gridDim.x) {
    const AttentionShares shares = attention_shares(log_sum_exp[i], part_log_sum_exp[i]);
    Into* const to = into.row(i / rows, i % rows);
    const Part* const from = part.row(i / rows, i % rows);
    for (int64_t c = threadIdx.x; c < width; c += blockDim.x) {
      to[c] =
          shares.first * static_cast<float>(to[c]) + shares.second * static_cast<float>(from[c]);
    }
    __syncthreads();  // all threads have read the log-sum-exp
    if (threadIdx.x == 0) log_sum_exp[i] = shares.log_sum_exp;
  }
}

/// sums ← Σ dout ∘ output over each row [width]. `lanes` threads of a warp, a power of two, share a
/// row.
template <int n, class T>
__global__ void attention_sums(float* sums, Matrices<const T> dout, Matrices<const T> output,
                               int64_t matrices, int64_t rows, int64_t width, int lanes) {
  const int64_t rows_of_block = blockDim.x / lanes, all_rows = matrices * rows;
  const int lane = static_cast<int>(threadIdx.x) % lanes;
  for (int64_t first = blockIdx.x * rows_of_block; first < all_rows;
       first += gridDim.x * rows_of_block) {
    const int64_t i = first + threadIdx.x / lanes;
    float sum = 0;
    for (int64_t column = n * lane; i < all_rows && column < width; column += n * lanes) {
      const Floats<n> a = load_floats<n>(dout.row(i / rows, i % rows) + column),
                      b = load_floats<n>(output.row(i / rows, i % rows) + column);
#pragma unroll
      for (int e = 0; e < n; ++e) sum += a.at[e] * b.at[e];
    }
    for (int distance = lanes / 2; distance > 0; distance /= 2)
      sum += __shfl_xor_sync(~0u, sum, distance);
    if (i < all_rows && lane == 0) sums[i] = sum;
  }
}

}  // namespace shard::kernels
