// Attention's softmax, forward and backward, in place. Position i attends to 0 … i: the columns
// after those are not used, and become zero.
#pragma once
#include "common/cuda/kernels/row_part.cuh"

namespace shard::kernels {

constexpr int softmax_kept = 32;  // elements of a row in a thread's registers

/// The scores of one query [context], of which it sees the first ones. Packs of n may reach beyond
/// those.
template <int n, class T>
struct CausalRow {
  T* row;
  unsigned seen, context;

  /// Row `number` of the matrices [queries × context], whose queries are the last positions of the
  /// context; nothing if there are no more than `rows`.
  __device__ CausalRow(T* all, int64_t number, int64_t rows, unsigned queries, unsigned columns)
      : row(all + number * columns),
        seen(number < rows ? columns - queries + static_cast<unsigned>(number % queries) + 1 : 0),
        context(number < rows ? columns : 0) {}

  /// Calls body(e) for each element e of the pack at `column` that is seen.
  template <class Body>
  __device__ void for_each_seen(unsigned column, const Body& body) const {
#pragma unroll
    for (int e = 0; e < n; ++e) {
      if (column + e < seen) body(e);
    }
  }

  /// Writes value(e) to the elements of the pack at `column`, or zero where they are not seen.
  template <class Value>
  __device__ void write(unsigned column, const Value& value) const {
    store_each<n>(row + column, [&](int e) { return column + e < seen ? value(e) : 0.0f; });
  }

  /// Zero in all packs of which no element is seen.
  __device__ void clear_future() const {
    const unsigned first = (seen + n - 1) / n * n + n * threadIdx.x;
    for (unsigned column = first; column < context; column += n * blockDim.x)
      store(row + column, Pack<n, T>{});
  }
};

/// p ← softmax(scale · p).
template <int n, class T>
__global__ void __launch_bounds__(most_row_threads, n > 1 ? 2 : 1)
    causal_softmax(T* p, int64_t rows, unsigned queries, unsigned context, float scale) {
  for (int64_t first = first_block_row(); first < rows; first += block_row_step()) {
    const CausalRow<n, T> row(p, first + threadIdx.y, rows, queries, context);
    const RowPart<n, softmax_kept, T> scores(row.row, row.seen);
    float max = -INFINITY, sum = 0;
    scores.for_each([&](unsigned column, const Floats<n>& v) {
      row.for_each_seen(column, [&](int e) { max = Max{}(max, v.at[e]); });
    });
    max = block_max(max);
    scores.for_each([&](unsigned column, const Floats<n>& v) {
      row.for_each_seen(column, [&](int e) { sum += std::exp(scale * (v.at[e] - max)); });
    });
    const float inverse = 1.0f / block_sum(sum);
    scores.for_each([&](unsigned column, const Floats<n>& v) {
      row.write(column, [&](int e) { return std::exp(scale * (v.at[e] - max)) * inverse; });
    });
    row.clear_future();
  }
}

/// d ← scale · p · (d - Σ p·d).
template <int n, class T>
__global__ void __launch_bounds__(most_row_threads)
    causal_softmax_backward(T* d, const T* p, int64_t rows, unsigned context, float scale) {
  for (int64_t first = first_block_row(); first < rows; first += block_row_step()) {
    const int64_t number = first + threadIdx.y;
    const CausalRow<n, T> row(d, number, rows, context, context);
    const RowPart<n, softmax_kept, T> gradients(row.row, row.seen),
        probabilities(p + number * context, row.seen);
    float sum = 0;
    gradients.for_each(probabilities, [&](unsigned column, const Floats<n>& g, const Floats<n>& q) {
      row.for_each_seen(column, [&](int e) { sum += g.at[e] * q.at[e]; });
    });
    sum = block_sum(sum);
    gradients.for_each(probabilities, [&](unsigned column, const Floats<n>& g, const Floats<n>& q) {
      row.write(column, [&](int e) { return scale * q.at[e] * (g.at[e] - sum); });
    });
    row.clear_future();
  }
}

}  // namespace shard::kernels
