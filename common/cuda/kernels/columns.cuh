// Sums over the rows of a matrix, in one launch: by parts of the rows first, and then over the
// parts. No atomic additions of floats, whose order changes from run to run.
#pragma once
#include "common/cuda/kernels/reduce.cuh"

namespace shard::kernels {

constexpr int strip_threads = 32,
              strip_rows = 8;  // a block: threads side by side, and rows at a time
static_assert(strip_threads * strip_rows <= column_threads);

/// Where the sums of columns go, by a grid whose blocks with the same blockIdx.x have the same
/// columns, and of their rows every gridDim.y-th group. Each block writes its part. The last of
/// them to arrive, whichever that is, adds the parts in their order: the bits are always the same.
struct ColumnTotals {
  float* totals;      // [columns]: the sums are added to them
  float* parts;       // [gridDim.y × columns]
  unsigned* arrived;  // [gridDim.x]: 0 before and after a launch
  int64_t columns;

  /// Adds this block's `sum` of the columns from `column` on. By all threads of the block.
  template <int n>
  __device__ void add(Floats<n> sum, int64_t column) const {
    sum_over_y(sum.at);
    const bool writes = threadIdx.y == 0 && column < columns;
    if (writes) store(parts + blockIdx.y * columns + column, sum);
    if (!is_last()) return;
    sum = {};
    for (int64_t part = threadIdx.y; part < gridDim.y && column < columns; part += blockDim.y) {
      const Floats<n> more = load<n>(parts + part * columns + column);
#pragma unroll
      for (int e = 0; e < n; ++e) sum.at[e] += more.at[e];
    }
    sum_over_y(sum.at);
#pragma unroll
    for (int e = 0; e < n; ++e) {
      if (writes) totals[column + e] += sum.at[e];
    }
  }

 private:
  /// Whether all other blocks with these columns have written their parts.
  __device__ bool is_last() const {
    __shared__ bool last;
    __syncthreads();  // this block has written its part
    if (threadIdx.x == 0 && threadIdx.y == 0) {
      __threadfence();
      last = atomicAdd(arrived + blockIdx.x, 1u) + 1 == gridDim.y;
      __threadfence();
      if (last) arrived[blockIdx.x] = 0;
    }
    __syncthreads();
    return last;
  }
};

/// Adds the sums of x's columns.
template <int n, class T>
__global__ void add_column_sums(ColumnTotals to, const T* x, int64_t rows) {
  const int64_t column = n * thread_in_grid();
  Floats<n> sum = {};
  if (column < to.columns) {
#pragma unroll 4
    for (int64_t row = first_row(); row < rows; row += row_step()) {
      const Floats<n> values = load_floats<n>(x + row * to.columns + column);
#pragma unroll
      for (int e = 0; e < n; ++e) sum.at[e] += values.at[e];
    }
  }
  to.add(sum, column);
}

/// GeLU's backward pass: du ← du ∘ gelu'(u), in place, and adds the sums of du's columns. GeLU
/// itself is computed again on the way: activated ← gelu(u).
template <int n, class T>
__global__ void gelu_backward_sums(ColumnTotals to, T* activated, T* du, const T* u, int64_t rows) {
  const int64_t column = n * thread_in_grid();
  Floats<n> sum = {};
  if (column < to.columns) {
#pragma unroll 2
    for (int64_t row = first_row(); row < rows; row += row_step()) {
      const int64_t place = row * to.columns + column;
      const Floats<n> x = load_floats<n>(u + place);
      Floats<n> y, d = load_floats<n>(du + place);
#pragma unroll
      for (int e = 0; e < n; ++e) {
        const auto at = gelu_and_derivative(x.at[e]);
        y.at[e] = at.value;
        d.at[e] *= at.derivative;
        sum.at[e] += d.at[e];
      }
      store_each<n>(activated + place, [&](int e) { return y.at[e]; });
      store_each<n>(du + place, [&](int e) { return d.at[e]; });
    }
  }
  to.add(sum, column);
}

}  // namespace shard::kernels
