// Layer norm (formulas: see ops.h), forward and backward, alone and with the addition of a residual
// connection. Each reads and writes every element once.
#pragma once
#include "common/cuda/kernels/row_part.cuh"

namespace shard::kernels {

// Elements of a row in a thread's registers; fewer where each is loaded by itself, as their
// addresses need registers, too.
constexpr int layer_norm_kept = 32;
constexpr int add_layer_norm_kept = 16;  // of the sum: two rows are loaded for it
constexpr int layer_norm_backward_kept(bool wide) { return wide ? 16 : 8; }

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

/// u = x + z, rounded to T, and y = LayerNorm(u).
template <int n, class T>
__global__ void __launch_bounds__(most_row_threads, n > 1 ? 2 : 1)
    add_layer_norm(T* u, const T* x, const T* z, LayerNormOf<T> norm) {
  for (int64_t first = first_block_row(); first < norm.rows; first += block_row_step()) {
    const int64_t row = first + threadIdx.y, start = row * norm.width;
    norm.norm_row(row, RowPart<n, add_layer_norm_kept, T>(u + start, x + start, z + start,
                                                          row < norm.rows ? norm.width : 0));
  }
}

/// One row of the backward pass: with n = (x - mean)·inverse and g = dy·gain,
/// dx = inverse·(g - mean(g) - n·mean(g·n)) + dresidual, which has no columns where there is none.
template <int n, class T>
struct LayerNormRow {
  RowPart<n, layer_norm_backward_kept(n > 1), T> dy, x, dresidual;
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

  __device__ void write(T* dx, float g_mean, float gn_mean) const {
    dy.for_each(x, dresidual,
                [&](unsigned column, const Floats<n>& d, const Floats<n>& v, const Floats<n>& r) {
                  const Floats<n> gains = load_floats<n>(gain + column);
                  store_each<n>(dx + column, [&](int e) {
                    const float g = d.at[e] * gains.at[e];
                    return inverse * (g - g_mean - normed(v.at[e]) * gn_mean) + r.at[e];
                  });
                });
  }
};

/// A block's terms of dgain = Σ dy·n and dbias = Σ dy, sums over rows: in registers for as many
/// columns as the rows are, in memory for those beyond. (Rows that long are one at a time in a
/// block: no two threads share a column.)
template <int n>
class LayerNormSums {
 public:
  /// They go to dgain and dbias [width], which are this block's.
  __device__ LayerNormSums(float* dgain, float* dbias, unsigned width)
      : dgain_(dgain), dbias_(dbias), width_(width) {
    for (unsigned k = packs; column_of<n>(k) < width; ++k) {
      store(dgain + column_of<n>(k), Floats<n>{});
      store(dbias + column_of<n>(k), Floats<n>{});
    }
  }

  template <class T>
  __device__ void add(const LayerNormRow<n, T>& row) {
    row.dy.for_each_kept([&](unsigned k, unsigned, const Floats<n>& d) {
      add_pack(gain_sums_[k], bias_sums_[k], row, d, row.x.in_registers(k));
    });
    row.dy.for_each_other([&](unsigned k, unsigned column, const Floats<n>& d) {
      Floats<n> gain_sum = load<n>(dgain_ + column), bias_sum = load<n>(dbias_ + column);
      add_pack(gain_sum, bias_sum, row, d, row.x.again(k));
      store(dgain_ + column, gain_sum);
      store(dbias_ + column, bias_sum);
    });
  }

  /// Writes what is in registers.
  __device__ void write() {
#pragma unroll
    for (int k = 0; k < packs; ++k) {
      sum_over_y(gain_sums_[k].at);
      sum_over_y(bias_sums_[k].at);
      if (threadIdx.y > 0 || column_of<n>(k) >= width_) continue;
      store(dgain_ + column_of<n>(k), gain_sums_[k]);
      store(dbias_ + column_of<n>(k), bias_sums_[k]);
    }
  }

 private:
  static constexpr int packs = layer_norm_backward_kept(n > 1) / n;

  template <class T>
  static __device__ void add_pack(Floats<n>& gain_sum, Floats<n>& bias_sum,
                                  const LayerNormRow<n, T>& row, const Floats<n>& d,
                                  const Floats<n>& v) {
#pragma unroll
    for (int e = 0; e < n; ++e) {
      gain_sum.at[e] += d.at[e] * row.normed(v.at[e]);
      bias_sum.at[e] += d.at[e];
    }
  }

  float *dgain_, *dbias_;
  unsigned width_;
  Floats<n> gain_sums_[packs] = {}, bias_sums_[packs] = {};
};

/// dx, and the blocks' parts of dgain and dbias: [gridDim.x × width] each, for add_parts. dresidual
/// may be nullptr.
template <int n, class T>
__global__ void __launch_bounds__(most_row_threads)
    layer_norm_backward(T* dx, float* dgain_parts, float* dbias_parts, const T* dy,
                        const T* dresidual, const T* x, const float* means, const float* inverses,
                        const T* gain, int64_t rows, unsigned width) {
  const auto count = static_cast<float>(width);
  LayerNormSums<n> sums(dgain_parts + int64_t{blockIdx.x} * width,
                        dbias_parts + int64_t{blockIdx.x} * width, width);
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
    sums.add(terms);
    terms.write(dx + row * width, row_sums[0] / count, row_sums[1] / count);
  }
  sums.write();
}

}  // namespace shard::kernels
