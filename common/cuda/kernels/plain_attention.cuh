// Attention as one operation, plainly, for f32 and heads of any width: a block of threads takes one
// query (or, for dk and dv, one key), goes over the other side in chunks of a thread each, and then
// over the columns. Scores stay in shared memory. Milakov and Gimelshein, arXiv:1805.02867,
// algorithm 3 (the maximum and the sum as they come); Dao et al., arXiv:2205.14135, algorithms 1
// and 4. tiled_attention.cuh is for what trains large models.
#pragma once
#include "common/cuda/device.cuh"
#include "common/cuda/kernels/attention_inputs.cuh"
#include "common/cuda/kernels/reduce.cuh"

namespace shard::kernels {

template <class T>
__device__ float dot(const T* a, const T* b, int64_t width) {
  float sum = 0;
  for (int64_t c = 0; c < width; ++c) sum += static_cast<float>(a[c]) * static_cast<float>(b[c]);
  return sum;
}

template <class T>
__device__ float score(const AttentionInputs<T>& in, int64_t matrix, int64_t query, int64_t key) {
  return in.settings.scale * dot(in.q.row(matrix, query), in.k.row(matrix, key), in.sizes.width);
}

/// Calls body(column) for this thread's columns.
template <class Body>
__device__ void for_each_column(int64_t width, const Body& body) {
  for (int64_t column = threadIdx.x; column < width; column += blockDim.x) body(column);
}

/// sum + Σ over n rows of a matrix, from `first` on: weights[j] · row[column].
template <class T>
__device__ float add_rows(float sum, const float* weights, const Matrices<const T>& x,
                          int64_t matrix, int64_t first, int64_t n, int64_t column) {
  const T* const rows = x.row(matrix, first) + column;
  for (int64_t j = 0; j < n; ++j) sum += weights[j] * static_cast<float>(rows[j * x.steps.row]);
  return sum;
}

/// The rows of a chunk: as many as threads, or those that are left.
inline __device__ int64_t rows_of_chunk(int64_t first, int64_t end) {
  return end - first < int64_t{blockDim.x} ? end - first : int64_t{blockDim.x};
}

/// Dynamic shared memory: weights [threads] and sums [width].
template <class T>
__global__ void plain_attention(Matrices<T> output, float* log_sum_exp, AttentionInputs<T> in) {
  float *const weights = dynamic_shared<float>(), *const sums = weights + blockDim.x;
  const auto [matrices, queries, keys, width] = in.sizes;
  for (int64_t row = blockIdx.x; row < matrices * queries; row += gridDim.x) {
    const int64_t matrix = row / queries, query = row % queries,
                  seen = in.settings.seen_keys(query, keys);
    float max = -INFINITY, sum = 0;
    for_each_column(width, [&](int64_t c) { sums[c] = 0; });
    for (int64_t first = 0; first < seen; first += blockDim.x) {
      const int64_t key = first + threadIdx.x, n = rows_of_chunk(first, seen);
      const float of_key = key < seen ? score(in, matrix, query, key) : -INFINITY;
      const float max_before = max;
      max = Max{}(max, block_max(of_key));
      const float before = first == 0 ? 0.0f : std::exp(max_before - max),
                  weight = key < seen ? std::exp(of_key - max) : 0.0f;
      sum = before * sum + block_sum(weight);
      __syncthreads();  // the weights of the chunk before have been read
      if (key < seen) weights[threadIdx.x] = weight * in.settings.factor(matrix, query, key);
      __syncthreads();
      for_each_column(width, [&](int64_t c) {
        sums[c] = add_rows(before * sums[c], weights, in.v, matrix, first, n, c);
      });
    }
    for_each_column(width, [&](int64_t c) {
      output.row(matrix, query)[c] = seen == 0 ? 0.0f : sums[c] / sum;
    });
    if (threadIdx.x == 0) log_sum_exp[row] = max + std::log(sum);
  }
}

/// A probability after dropout, and the gradient of its score.
struct ScoreGradient {
  float kept_probability, dscore;
};

template <class T>
__device__ ScoreGradient score_gradient(const AttentionInputs<T>& in, int64_t matrix, int64_t query,
                                        int64_t key) {
  const int64_t row = matrix * in.sizes.queries + query;
  const float p = std::exp(score(in, matrix, query, key) - in.log_sum_exp[row]);
  const float factor = in.settings.factor(matrix, query, key);
  const float dp = factor * dot(in.dout.row(matrix, query), in.v.row(matrix, key), in.sizes.width);
  return {factor * p, in.settings.scale * p * (dp - in.sums[row])};
}

/// Dynamic shared memory: dscores [threads] and sums [width].
template <class T>
__global__ void plain_query_gradient(Matrices<T> dq, AttentionInputs<T> in) {
  float *const dscores = dynamic_shared<float>(), *const sums = dscores + blockDim.x;
  const auto [matrices, queries, keys, width] = in.sizes;
  for (int64_t row = blockIdx.x; row < matrices * queries; row += gridDim.x) {
    const int64_t matrix = row / queries, query = row % queries,
                  seen = in.settings.seen_keys(query, keys);
    for_each_column(width, [&](int64_t c) { sums[c] = 0; });
    for (int64_t first = 0; first < seen; first += blockDim.x) {
      const int64_t key = first + threadIdx.x, n = rows_of_chunk(first, seen);
      __syncthreads();  // those of the chunk before have been read
      if (key < seen) dscores[threadIdx.x] = score_gradient(in, matrix, query, key).dscore;
      __syncthreads();
      for_each_column(width, [&](int64_t c) {
        sums[c] = add_rows(sums[c], dscores, in.k, matrix, first, n, c);
      });
    }
    for_each_column(width, [&](int64_t c) { dq.row(matrix, query)[c] = sums[c]; });
    __syncthreads();
  }
}

/// Dynamic shared memory: dscores and probabilities [threads] each, sums of dk and of dv [width]
/// each.
template <class T>
__global__ void plain_key_gradients(Matrices<T> dk, Matrices<T> dv, AttentionInputs<T> in) {
  float *const dscores = dynamic_shared<float>(), *const probabilities = dscores + blockDim.x;
  const auto [matrices, queries, keys, width] = in.sizes;
  float *const of_k = probabilities + blockDim.x, *const of_v = of_k + width;
  for (int64_t row = blockIdx.x; row < matrices * keys; row += gridDim.x) {
    const int64_t matrix = row / keys, key = row % keys;
    for_each_column(width, [&](int64_t c) { of_k[c] = of_v[c] = 0; });
    for (int64_t first = in.settings.first_seeing(key, queries); first < queries;
         first += blockDim.x) {
      const int64_t query = first + threadIdx.x, n = rows_of_chunk(first, queries);
      __syncthreads();  // those of the chunk before have been read
      if (query < queries) {
        const ScoreGradient gradient = score_gradient(in, matrix, query, key);
        dscores[threadIdx.x] = gradient.dscore;
        probabilities[threadIdx.x] = gradient.kept_probability;
      }
      __syncthreads();
      for_each_column(width, [&](int64_t c) {
        of_k[c] = add_rows(of_k[c], dscores, in.q, matrix, first, n, c);
        of_v[c] = add_rows(of_v[c], probabilities, in.dout, matrix, first, n, c);
      });
    }
    for_each_column(width, [&](int64_t c) {
      dk.row(matrix, key)[c] = of_k[c];
      dv.row(matrix, key)[c] = of_v[c];
    });
    __syncthreads();
  }
}

}  // namespace shard::kernels
