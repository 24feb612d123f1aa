// Kernels over rows of logits, each by one block, since a vocabulary is wide; and the gradient of
// an embedding's rows.
#pragma once
#include <type_traits>

#include "common/cuda/kernels/reduce.cuh"

namespace shard::kernels {

/// Calls body(i, pack) for packs that begin at element i of a row, by all threads of the block, and
/// writes what it changes unless T is const. A vocabulary may be odd, and then each row begins at
/// another place: packs of 16 bytes go from the first address that they can, single elements before
/// and after.
template <class T, class Body>
__device__ void for_each_pack_in_row(T* row, int64_t columns, const Body& body) {
  constexpr int n = 16 / sizeof(T);
  const auto past = static_cast<int64_t>(reinterpret_cast<uintptr_t>(row) / sizeof(T) % n);
  const int64_t head = min((n - past) % n, columns), packs = (columns - head) / n;
  const auto pack_at = [&]<int length>(int64_t first) {
    Floats<length> values = load_floats<length>(row + first);
    body(first, values);
    if constexpr (!std::is_const_v<T>)
      store_each<length>(row + first, [&](int e) { return values.at[e]; });
  };
#pragma unroll 4
  for (int64_t p = threadIdx.x; p < packs; p += blockDim.x)
    pack_at.template operator()<n>(head + p * n);
  if (threadIdx.x < head) pack_at.template operator()<1>(threadIdx.x);
  if (const int64_t i = head + packs * n + threadIdx.x; i < columns)
    pack_at.template operator()<1>(i);
}

/// The same with body(i, value) for each element.
template <class T, class Body>
__device__ void for_each_in_row(T* row, int64_t columns, const Body& body) {
  for_each_pack_in_row(row, columns, [&]<int n>(int64_t first, Floats<n>& values) {
#pragma unroll
    for (int e = 0; e < n; ++e) body(first + e, values.at[e]);
  });
}

template <class T>
__global__ void row_max(float* max, const T* x, int64_t rows, int64_t columns,
                        int64_t valid_columns) {
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    float largest = -std::numeric_limits<float>::max();
    for_each_in_row(x + row * columns, valid_columns,
                    [&](int64_t, float value) { largest = Max{}(largest, value); });
    largest = block_max(largest);
    if (threadIdx.x == 0) max[row] = largest;
  }
}

template <class T>
__global__ void row_sum(float* sums, const T* x, int64_t rows, int64_t columns,
                        int64_t valid_columns) {
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    float sum = 0;
    for_each_in_row(x + row * columns, valid_columns, [&](int64_t, float value) { sum += value; });
    sum = block_sum(sum);
    if (threadIdx.x == 0) sums[row] = sum;
  }
}

template <class T>
__global__ void exp_and_row_sum(T* x, float* sums, const float* max, int64_t rows, int64_t columns,
                                int64_t valid_columns) {
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const float largest = max[row];
    float sum = 0;
    for_each_in_row(x + row * columns, columns, [&](int64_t i, float& value) {
      value = i < valid_columns ? std::exp(value - largest) : 0.0f;
      sum += value;
    });
    sum = block_sum(sum);
    if (threadIdx.x == 0) sums[row] = sum;
  }
}

/// exps ← factor · (exps / sum - [column is the target]).
template <class T>
__global__ void cross_entropy_backward(T* exps, const float* sums, const int32_t* targets,
                                       int64_t rows, int64_t columns, int64_t first_column,
                                       float factor) {
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const float scale = factor / sums[row];
    const int64_t target = targets[row] - first_column;
    for_each_in_row(exps + row * columns, columns, [&](int64_t i, float& value) {
      value = scale * value - (i == target ? factor : 0.0f);
    });
  }
}

/// max ← the largest of the first valid_columns of each row, sums ← Σ exp(x - max) over them, in
/// one pass: a thread's sum is for the largest that it has met, and is rescaled when it meets a
/// larger one (Milakov and Gimelshein, "Online normalizer calculation for softmax",
/// arXiv:1805.02867).
template <class T>
__global__ void exp_sums(float* max, float* sums, const T* x, int64_t rows, int64_t columns,
                         int64_t valid_columns) {
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    float most = -std::numeric_limits<float>::max(), sum = 0;
    for_each_pack_in_row(x + row * columns, valid_columns,
                         [&]<int n>(int64_t, const Floats<n>& values) {
                           float larger = most;
#pragma unroll
                           for (int e = 0; e < n; ++e) larger = Max{}(larger, values.at[e]);
                           sum *= std::exp(most - larger);
                           most = larger;
#pragma unroll
                           for (int e = 0; e < n; ++e) sum += std::exp(values.at[e] - most);
                         });
    const float largest = block_max(most);
    sum = block_sum(sum * std::exp(most - largest));
    if (threadIdx.x == 0) {
      max[row] = largest;
      sums[row] = sum;
    }
  }
}

/// A sum of exp(x - own) → of exp(x - max).
struct Rescale {
  __device__ float operator()(float sum, float own, float max) const {
    return sum * std::exp(own - max);
  }
};

/// logits ← factor · (exp(logits - max) / sums - [column is the target]), zeros in the padding and
/// in rows without target.
template <class T>
__global__ void softmax_minus_targets(T* logits, const float* max, const float* sums,
                                      const int32_t* targets, int64_t rows, int64_t columns,
                                      int64_t first_column, int64_t valid_columns, float factor) {
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const float most = max[row], scale = factor / sums[row];
    const int64_t target = targets[row] - first_column,
                  valid = targets[row] < 0 ? 0 : valid_columns;
    for_each_in_row(logits + row * columns, columns, [&](int64_t i, float& value) {
      value = i < valid ? scale * std::exp(value - most) - (i == target ? factor : 0.0f) : 0.0f;
    });
  }
}

/// A thread for each row.
template <class T>
__global__ void pick(float* picked, const T* x, const int32_t* columns, int64_t rows, int64_t width,
                     int64_t first_column) {
  for (int64_t row = thread_in_grid(); row < rows; row += threads_in_grid()) {
    const int64_t column = columns[row] - first_column;
    picked[row] =
        column >= 0 && column < width ? static_cast<float>(x[row * width + column]) : 0.0f;
  }
}

struct CrossEntropy {
  __device__ float operator()(float sum, float max, float picked) const {
    return std::log(sum) + (max - picked);
  }
  __device__ float operator()(float sum, float max, float picked, int32_t target) const {
    return target < 0 ? 0.0f : (*this)(sum, max, picked);
  }
};

// ---- The gradient of an embedding ---------------------------------------------------------------

/// The positions of an id, in order: `count` entries of the list `order` from `begin` on. Only its
/// first token has them; for the others, count is 0.
struct Occurrences {
  int32_t begin, count;
};

/// Sorts the tokens by id, stably: each thread counts how many come before its own. That is (number
/// of tokens)² of the shortest steps: a fraction of a millisecond for the tens of thousands of
/// tokens that a GPU takes at once.
template <int threads>
__global__ void sort_ids(int32_t* order, Occurrences* occurrences, const int32_t* ids,
                         int64_t tokens) {
  alignas(16) __shared__ int32_t tile[threads];
  for (int64_t first = int64_t{blockIdx.x} * threads; first < tokens; first += threads_in_grid()) {
    const int64_t token = first + threadIdx.x;
    const int32_t mine = token < tokens ? ids[token] : 0;
    int32_t smaller = 0, equal = 0, equal_before = 0;
    for (int64_t begin = 0; begin < tokens; begin += threads) {
      const int64_t other = begin + threadIdx.x;
      __syncthreads();
      tile[threadIdx.x] = other < tokens ? ids[other] : INT32_MAX;  // not an id
      __syncthreads();
      if (begin == first) {
        equal_before = equal;
        for (unsigned i = 0; i < threadIdx.x; ++i) equal_before += tile[i] == mine;
      }
#pragma unroll 32
      for (int i = 0; i < threads; ++i) {
        smaller += tile[i] < mine;
        equal += tile[i] == mine;
      }
    }
    if (token >= tokens) continue;
    order[smaller + equal_before] = static_cast<int32_t>(token);
    occurrences[token] = {smaller, equal_before == 0 ? equal : 0};
  }
}

/// dtable[id] += Σ dy over the id's tokens, in their order: all by the threads of its first token.
template <int n, class T>
__global__ void add_to_rows(float* dtable, const T* dy, const int32_t* ids, const int32_t* order,
                            const Occurrences* occurrences, int64_t tokens, int64_t table_rows,
                            int64_t width, int64_t first_id) {
  const int64_t column = n * thread_in_grid();
  if (column >= width) return;
  for (int64_t token = first_row(); token < tokens; token += row_step()) {
    const Occurrences mine = occurrences[token];
    const int64_t row = ids[token] - first_id;
    if (mine.count == 0 || row < 0 || row >= table_rows) continue;
    Floats<n> sum{};
#pragma unroll 4
    for (int32_t i = 0; i < mine.count; ++i) {
      const Floats<n> term = load_floats<n>(dy + order[mine.begin + i] * width + column);
#pragma unroll
      for (int e = 0; e < n; ++e) sum.at[e] += term.at[e];
    }
    const Floats<n> before = load<n>(dtable + row * width + column);
    store_each<n>(dtable + row * width + column, [&](int e) { return before.at[e] + sum.at[e]; });
  }
}

}  // namespace shard::kernels
