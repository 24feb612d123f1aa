// Sums over the rows of a matrix, in two passes: by parts of the rows first, and then over the
// parts. No atomic additions, whose order changes from run to run.
#pragma once
#include "common/cuda/kernels/reduce.cuh"

namespace shard::kernels {

constexpr int strip_threads = 32,
              strip_rows = 8;  // a block: threads side by side, and rows at a time
static_assert(strip_threads * strip_rows <= column_threads);

/// sums[part][column] ← the sum over the rows of that part: of gridDim.y parts, each has every
/// gridDim.y-th group of blockDim.y rows.
template <int n, class T>
__global__ void column_sums(float* sums, const T* x, int64_t rows, int64_t columns) {
  const int64_t column = n * thread_in_grid();
  float sum[n] = {};
  if (column < columns) {
#pragma unroll 4
    for (int64_t row = first_row(); row < rows; row += row_step()) {
      const Pack<n, T> values = load<n>(x + row * columns + column);
#pragma unroll
      for (int e = 0; e < n; ++e) sum[e] += static_cast<float>(values.at[e]);
    }
  }
  sum_over_y(sum);
  if (threadIdx.y > 0 || column >= columns) return;
#pragma unroll
  for (int e = 0; e < n; ++e) sums[blockIdx.y * columns + column + e] = sum[e];
}

/// totals[column] += Σ over parts of sums[part][column]. With gridDim.y = 2, a second matrix of
/// sums follows the first, and is added to more_totals.
template <class T>
__global__ void add_parts(T* totals, T* more_totals, const T* sums, int64_t parts,
                          int64_t columns) {
  const int64_t column = thread_in_grid();
  T sum[1] = {};
  if (column < columns) {
    const T* const mine = sums + blockIdx.y * parts * columns + column;
#pragma unroll 8
    for (int64_t part = threadIdx.y; part < parts; part += blockDim.y)
      sum[0] += mine[part * columns];
  }
  sum_over_y(sum);
  if (threadIdx.y == 0 && column < columns)
    (blockIdx.y == 0 ? totals : more_totals)[column] += sum[0];
}

}  // namespace shard::kernels
