// A thread's part of a row that several threads hold together: those of a block that share
// threadIdx.y.
#pragma once
#include "common/cuda/kernels/reduce.cuh"

namespace shard::kernels {

constexpr int most_row_threads = 512;  // so that each may use 128 registers

/// A block's rows, blockDim.y at a time. A thread whose row is past the end still takes part in the
/// block's sums.
inline __device__ int64_t first_block_row() { return int64_t{blockIdx.x} * blockDim.y; }
inline __device__ int64_t block_row_step() { return int64_t{gridDim.x} * blockDim.y; }

/// The first column of a thread's pack k: its packs alternate with those of the other threads.
/// Columns have 32 bits here, and elements 64: it saves registers.
template <int n>
__device__ unsigned column_of(unsigned k) {
  return n * (k * blockDim.x + threadIdx.x);
}

/// The first `kept` elements are in registers, from the start; what a longer row has besides is
/// loaded again in each pass over it.
template <int n, int kept, class T>
class RowPart {
 public:
  static constexpr int packs = kept / n;

  __device__ RowPart(const T* row, unsigned columns) : row_(row), columns_(columns) {
    Pack<n, T> loaded[packs] = {};
#pragma unroll
    for (int k = 0; k < packs; ++k) {  // all loads first, so that they are under way together
      if (column_of<n>(k) < columns) loaded[k] = load<n>(row + column_of<n>(k));
    }
#pragma unroll
    for (int k = 0; k < packs; ++k) kept_[k] = floats_of(loaded[k]);
  }

  /// The sum of two rows: writes a + b, or a + (b + bias) where there is a bias, to `row`, rounded
  /// to T, and goes on with what was written.
  __device__ RowPart(T* row, const T* a, const T* b, const T* bias, unsigned columns)
      : row_(row), columns_(columns) {
    Pack<n, T> of_a[packs] = {}, of_b[packs] = {};
#pragma unroll
    for (int k = 0; k < packs; ++k) {  // all loads first here, too
      if (column_of<n>(k) >= columns) continue;
      of_a[k] = load<n>(a + column_of<n>(k));
      of_b[k] = load<n>(b + column_of<n>(k));
    }
#pragma unroll
    for (int k = 0; k < packs; ++k) {
      const Pack<n, T> sum =
          sum_of(of_a[k], of_b[k], column_of<n>(k) < columns ? bias : nullptr, column_of<n>(k));
      if (column_of<n>(k) < columns) store(row + column_of<n>(k), sum);
      kept_[k] = floats_of(sum);
    }
    for (unsigned k = packs; column_of<n>(k) < columns; ++k) {
      const unsigned column = column_of<n>(k);
      store(row + column, sum_of(load<n>(a + column), load<n>(b + column), bias, column));
    }
  }

  /// Calls body(k, column, values) for packs k < packs, in registers.
  template <class Body>
  __device__ void for_each_kept(const Body& body) const {
#pragma unroll
    for (int k = 0; k < packs; ++k) {
      if (column_of<n>(k) < columns_) body(k, column_of<n>(k), kept_[k]);
    }
  }

  /// Calls body(k, column, values) for the packs beyond.
  template <class Body>
  __device__ void for_each_other(const Body& body) const {
    for (unsigned k = packs; column_of<n>(k) < columns_; ++k) body(k, column_of<n>(k), again(k));
  }

  /// Calls body(column, values) for all packs.
  template <class Body>
  __device__ void for_each(const Body& body) const {
    const auto without_k = [&](unsigned, unsigned column, const Floats<n>& values) {
      body(column, values);
    };
    for_each_kept(without_k);
    for_each_other(without_k);
  }

  /// Calls body(column, values, second's values) for all packs of two rows.
  template <class Body>
  __device__ void for_each(const RowPart& second, const Body& body) const {
    for_each_kept([&](unsigned k, unsigned column, const Floats<n>& values) {
      body(column, values, second.kept_[k]);
    });
    for_each_other([&](unsigned k, unsigned column, const Floats<n>& values) {
      body(column, values, second.again(k));
    });
  }

  /// The sum of term(value) over this thread's elements.
  template <class Term>
  __device__ float sum(const Term& term) const {
    float total = 0;
    for_each([&](unsigned, const Floats<n>& values) {
#pragma unroll
      for (int e = 0; e < n; ++e) total += term(values.at[e]);
    });
    return total;
  }

  __device__ const Floats<n>& in_registers(unsigned k) const { return kept_[k]; }
  /// Zeros for a row without columns.
  __device__ Floats<n> again(unsigned k) const {
    return columns_ > 0 ? load_floats<n>(row_ + column_of<n>(k)) : Floats<n>{};
  }

 private:
  static __device__ Pack<n, T> sum_of(const Pack<n, T>& a, const Pack<n, T>& b, const T* bias,
                                      unsigned column) {
    const Floats<n> addend = bias != nullptr ? load_floats<n>(bias + column) : Floats<n>{};
    Pack<n, T> sum;
#pragma unroll
    for (int e = 0; e < n; ++e)
      sum.at[e] = static_cast<float>(a.at[e]) + (static_cast<float>(b.at[e]) + addend.at[e]);
    return sum;
  }

  const T* row_;
  unsigned columns_;
  Floats<n> kept_[packs];
};

}  // namespace shard::kernels
