// The router of a mixture of experts, and the sums of experts' rows.
#pragma once
#include "common/base/routing_formulas.h"
#include "common/cuda/kernels/reduce.cuh"

namespace shard::kernels {

inline __device__ RoutedToken token_of(const RoutedToken& first, int64_t token) {
  return {first.experts,
          first.k,
          first.by,
          first.probabilities + token * first.experts,
          first.chosen + token * first.k,
          first.weights + token * first.k};
}

/// A thread for each token. `first` is token 0's row.
__global__ void route(RoutedToken first, const float* logits, const float* bias, int64_t tokens) {
  for (int64_t token = thread_in_grid(); token < tokens; token += threads_in_grid())
    route_token(logits + token * first.experts, bias, token_of(first, token));
}

__global__ void route_backward(float* dlogits, RoutedToken first, const float* dweights,
                               const float* dprobabilities, int64_t tokens) {
  for (int64_t token = thread_in_grid(); token < tokens; token += threads_in_grid())
    route_token_backward(dlogits + token * first.experts, token_of(first, token),
                         dweights + token * first.k, dprobabilities);
}

/// A block for each value.
__global__ void occurrences(int32_t* counts, int64_t values, const int32_t* ids, int64_t length) {
  for (int64_t value = blockIdx.x; value < values; value += gridDim.x) {
    int32_t count = 0;
    for (int64_t i = threadIdx.x; i < length; i += blockDim.x) count += ids[i] == value ? 1 : 0;
    count = block_sum(count);
    if (threadIdx.x == 0) counts[value] = count;
  }
}

/// A thread for n columns of a token. weights may be nullptr: all 1.
template <int n, class T>
__global__ void sum_of_rows(T* y, const T* rows, const int32_t* places, const float* weights,
                            int64_t tokens, int64_t k, int64_t width) {
  const int64_t column = n * thread_in_grid();
  if (column >= width) return;
  for (int64_t token = first_row(); token < tokens; token += row_step()) {
    float sums[n] = {};
    for (int64_t choice = token * k; choice < (token + 1) * k; ++choice) {
      if (places[choice] < 0) continue;
      const float weight = weights != nullptr ? weights[choice] : 1.0f;
      const Floats<n> row = load_floats<n>(rows + places[choice] * width + column);
#pragma unroll
      for (int e = 0; e < n; ++e) sums[e] += weight * row.at[e];
    }
    store_each<n>(y + token * width + column, [&](int e) { return sums[e]; });
  }
}

/// A block for each choice of a token: its row of drows, and a product over the row.
template <class T>
__global__ void sum_of_rows_backward(T* drows, float* dweights, const T* dy, const T* rows,
                                     const int32_t* places, const float* weights, int64_t choices,
                                     int64_t k, int64_t width) {
  for (int64_t choice = blockIdx.x; choice < choices; choice += gridDim.x) {
    const int64_t place = places[choice];
    float dot = 0;
    for (int64_t i = threadIdx.x; place >= 0 && i < width; i += blockDim.x) {
      const float upstream = static_cast<float>(dy[choice / k * width + i]);
      drows[place * width + i] = T(weights[choice] * upstream);
      dot += upstream * static_cast<float>(rows[place * width + i]);
    }
    dot = block_sum(dot);
    if (threadIdx.x == 0) dweights[choice] = dot;
  }
}

}  // namespace shard::kernels
