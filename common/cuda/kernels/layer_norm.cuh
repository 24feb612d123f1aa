// Layer norm (formulas: see ops.h), forward and backward, alone and with the addition of a residual
// connection. Each reads and writes every element once.
#pragma once
#include "common/cuda/kernels/row_part.cuh"

namespace shard::kernels {

// Elements of a row in a thread's registers; fewer where they are of several rows.
constexpr int layer_norm_kept = 32;
constexpr int add_layer_norm_kept = 16;      // of the sum: two rows are loaded for it
constexpr int layer_norm_backward_kept = 8;  // of three rows and three sums

/// What layer norm reads and writes besides the rows x [rows × width].
template <class T>
struct LayerNormOf {
  T* y;                     // [rows × width]
  float *means, *inverses;  // [rows]
  const T *gain, *bias;     // [width]
  int64_t rows;
  unsigned width;
  float epsilon;

  /// Of row `row`: y = (x - mean)·inverse·gain + bias, where inverse = 1/√(variance + ε). The
  /// variance is the mean square of x - mean, so its sum comes after the mean's.
  template <int n, int kept>
  __device__ void norm_row(int64_t row, const RowPart<n, kept, T>& x) const {
    const auto count = static_cast<float>(width);
    const float mean = block_sum(x.sum([](float v) { return v; })) / count;
    const float variance =
        block_sum(x.sum([mean](float v) { return (v - mean) * (v - mean); })) / count;
    const float inverse = 1.0f / std::sqrt(variance + epsilon);
    x.for_each([&](unsigned column, const Floats<n>& v) {
      const Floats<n> g = load_floats<n>(gain + column), b = load_floats<n>(bias + column);
      store_each<n>(y + row * width + column,
                    [&](int e) { return (v.at[e] - mean) * inverse * g.at[e] + b.at[e]; });
    });
    if (threadIdx.x == 0 && row < rows) {
      means[row] = mean;
      inverses[row] = inverse;
    }
  }
};

/// y = LayerNorm(x).
template <int n, class T>
__global__ void __launch_bounds__(most_row_threads, n > 1 ? 2 : 1)
    layer_norm(const T* x, LayerNormOf<T> norm) {
  for (int64_t first = first_block_row(); first < norm.rows; first += block_row_step()) {
    const int64_t row = first + threadIdx.y, start = row * norm.width;
    norm.norm_row(row, RowPart<n, layer_norm_kept, T>(x + start, row < norm.rows ? norm.width : 0));
  }
}

/// u = x + z, or x + (z + z_bias) where that is not nullptr, rounded to T, and y = LayerNorm(u).
template <int n, class T>
__global__ void __launch_bounds__(most_row_threads, n > 1 ? 2 : 1)
    add_layer_norm(T* u, const T* x, const T* z, const T* z_bias, LayerNormOf<T> norm) {
  for (int64_t first = first_block_row(); first < norm.rows; first += block_row_step()) {
    const int64_t row = first + threadIdx.y, start = row * norm.width;
    norm.norm_row(row, RowPart<n, add_layer_norm_kept, T>(u + start, x + start, z + start, z_bias,
                                                          row < norm.rows ? norm.width : 0));
  }
}

/// One row of the backward pass: with n = (x - mean)·inverse and g = dy·gain,
/// dx = inverse·(g - mean(g) - n·mean(g·n)) + dresidual, which has no columns where there is none.
template <int n, class T>
struct LayerNormRow {
  RowPart<n, layer_norm_backward_kept, T> dy, x, dresidual;
  const T* gain;
  float mean, inverse;

  __device__ float normed(float value) const { return (value - mean) * inverse; }

  /// Adds this thread's terms to Σ g and Σ g·n.
  __device__ void add_to(float (&sums)[2]) const {
    dy.for_each(x, [&](unsigned column, const Floats<n>& d, const Floats<n>& v) {
      const Floats<n> gains = load_floats<n>(gain + column);
#pragma unroll
      for (int e = 0; e < n; ++e) {
        const float g = d.at[e] * gains.at[e];
        sums[0] += g;
        sums[1] += g * normed(v.at[e]);
      }
    });
  }

  /// dx of the columns from `column` on, where dy is d, x is v, and dresidual is r.
  __device__ Floats<n> gradient(unsigned column, const Floats<n>& d, const Floats<n>& v,
                                const Floats<n>& r, float g_mean, float gn_mean) const {
    Floats<n> dx;
    const Floats<n> gains = load_floats<n>(gain + column);
#pragma unroll
    for (int e = 0; e < n; ++e) {
      const float g = d.at[e] * gains.at[e];
      dx.at[e] = inverse * (g - g_mean - normed(v.at[e]) * gn_mean) + r.at[e];
    }
    return dx;
  }
};

/// A block's terms of dgain = Σ dy·n, dbias = Σ dy and Σ dx, sums over rows: in registers for as
/// many columns as the rows are, in memory for those beyond. (Rows that long are one at a time in a
/// block: no two threads share a column.)
template <int n>
class LayerNormSums {
 public:
  /// They go to dgain, dbias and dx_sums [width], which are this block's. dx_sums may be nullptr.
  __device__ LayerNormSums(float* dgain, float* dbias, float* dx_sums, unsigned width)
      : places_{dgain, dbias, dx_sums}, width_(width) {
    for (unsigned k = packs; column_of<n>(k) < width; ++k) {
      for_each_place([&](float* place, int) { store(place + column_of<n>(k), Floats<n>{}); });
    }
  }

  /// Writes the row's dx, and adds its terms.
  template <class T>
  __device__ void add(const LayerNormRow<n, T>& row, T* dx, float g_mean, float gn_mean) {
    const auto pass = [&](Floats<n>(&sums)[3], unsigned column, const Floats<n>& d,
                          const Floats<n>& v, const Floats<n>& r) {
      const Floats<n> out = row.gradient(column, d, v, r, g_mean, gn_mean);
      store_each<n>(dx + column, [&](int e) { return out.at[e]; });
#pragma unroll
      for (int e = 0; e < n; ++e) {
        sums[0].at[e] += d.at[e] * row.normed(v.at[e]);
        sums[1].at[e] += d.at[e];
        sums[2].at[e] += out.at[e];
      }
    };
    row.dy.for_each_kept([&](unsigned k, unsigned column, const Floats<n>& d) {
      pass(sums_[k], column, d, row.x.in_registers(k), row.dresidual.in_registers(k));
    });
    row.dy.for_each_other([&](unsigned k, unsigned column, const Floats<n>& d) {
      Floats<n> sums[3] = {};
      pass(sums, column, d, row.x.again(k), row.dresidual.again(k));
      for_each_place([&](float* place, int i) {
        Floats<n> sum = load<n>(place + column);
#pragma unroll
        for (int e = 0; e < n; ++e) sum.at[e] += sums[i].at[e];
        store(place + column, sum);
      });
    });
  }

  /// Writes what is in registers.
  __device__ void write() {
#pragma unroll
    for (int k = 0; k < packs; ++k) {
      for_each_place([&](float* place, int i) {
        sum_over_y(sums_[k][i].at);
        if (threadIdx.y == 0 && column_of<n>(k) < width_)
          store(place + column_of<n>(k), sums_[k][i]);
      });
    }
  }

 private:
  static constexpr int packs = layer_norm_backward_kept / n;

  template <class Body>
  __device__ void for_each_place(const Body& body) const {
#pragma unroll
    for (int i = 0; i < 3; ++i) {
      if (places_[i] != nullptr) body(places_[i], i);
    }
  }

  float* places_[3];
  unsigned width_;
  Floats<n> sums_[packs][3] = {};
};

/// dx, and the blocks' parts of dgain, of dbias and, unless that is nullptr, of dx_sums: [gridDim.x
/// × width] each, for add_parts. dresidual may be nullptr.
template <int n, class T>
__global__ void __launch_bounds__(most_row_threads)
    layer_norm_backward(T* dx, float* dgain, float* dbias, float* dx_sums, const T* dy,
                        const T* dresidual, const T* x, const float* means, const float* inverses,
                        const T* gain, int64_t rows, unsigned width) {
  const auto count = static_cast<float>(width);
  const int64_t part = int64_t{blockIdx.x} * width;
  LayerNormSums<n> sums(dgain + part, dbias + part, dx_sums != nullptr ? dx_sums + part : nullptr,
                        width);
  for (int64_t first = first_block_row(); first < rows; first += block_row_step()) {
    const int64_t row = first + threadIdx.y;
    const unsigned columns = row < rows ? width : 0;
    const LayerNormRow<n, T> terms{{dy + row * width, columns},
                                   {x + row * width, columns},
                                   {dresidual + row * width, dresidual != nullptr ? columns : 0},
                                   gain,
                                   row < rows ? means[row] : 0.0f,
                                   row < rows ? inverses[row] : 0.0f};
    float row_sums[2] = {};
    terms.add_to(row_sums);
    block_reduce<Sum>(row_sums);
    sums.add(terms, dx + row * width, row_sums[0] / count, row_sums[1] / count);
  }
  sums.write();
}

template <class T>
struct ThreeTotals {
  T* of[3];
};
/// totals[column] += Σ over parts of sums[part][column], for each of gridDim.y matrices of sums,
/// one after the other.
template <class T>
__global__ void add_parts(ThreeTotals<T> totals, const T* sums, int64_t parts, int64_t columns) {
  const int64_t column = thread_in_grid();
  T sum[1] = {};
  if (column < columns) {
    const T* const mine = sums + blockIdx.y * parts * columns + column;
#pragma unroll 8
    for (int64_t part = threadIdx.y; part < parts; part += blockDim.y)
      sum[0] += mine[part * columns];
  }
  sum_over_y(sum);
  if (threadIdx.y > 0 || column >= columns) return;
  T* const total = blockIdx.y == 0 ? totals.of[0] : blockIdx.y == 1 ? totals.of[1] : totals.of[2];
  total[column] += sum[0];
}

}  // namespace shard::kernels
