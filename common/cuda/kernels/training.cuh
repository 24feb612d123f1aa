// Sums over whole tensors, and the optimizer's step.
#pragma once
#include <cmath>

#include "common/base/formulas.h"
#include "common/cuda/kernels/reduce.cuh"

namespace shard::kernels {

struct Identity {
  __device__ double operator()(double x) const { return x; }
};

struct Square {
  __device__ double operator()(double x) const { return x * x; }
};

/// parts[block] ← Σ term(x[i]) over the block's elements, in double.
template <int n, class Term>
__global__ void sum_by_blocks(double* parts, const float* x, int64_t count, Term term) {
  double sum = 0;
  const int64_t packs = count / n;
#pragma unroll 4
  for (int64_t i = thread_in_grid(); i < packs; i += threads_in_grid()) {
    const Floats<n> values = load<n>(x + i * n);
#pragma unroll
    for (int e = 0; e < n; ++e) sum += term(values.at[e]);
  }
  if (const int64_t i = packs * n + thread_in_grid(); i < count) sum += term(x[i]);
  sum = block_sum(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

/// total[0] += Σ parts, by one block.
template <class Total>
__global__ void add_blocks(Total* total, const double* parts, int64_t count) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) sum += parts[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) total[0] += static_cast<Total>(sum);
}

struct ClipFactor {
  float limit;
  __device__ float operator()(float sum_of_squares) const {
    if (!is_finite(sum_of_squares)) return NAN;
    return limit == 0.0f ? 1.0f : std::fmin(1.0f, limit / (std::sqrt(sum_of_squares) + 1e-6f));
  }
};

/// adamw_update of each element, with factor[0] times its gradient; nothing if the factor is
/// infinite or NaN.
template <int n>
__global__ void adamw(float* weight, float* m, float* v, const float* gradient, const float* factor,
                      int64_t count, AdamW hyper, float c1, float c2) {
  const float clip = *factor;
  if (!is_finite(clip)) return;
  const int64_t packs = count / n;
#pragma unroll 1
  for (int64_t i = thread_in_grid(); i < packs; i += threads_in_grid()) {
    Floats<n> w = load<n>(weight + i * n), first = load<n>(m + i * n), second = load<n>(v + i * n);
    const Floats<n> g = load<n>(gradient + i * n);
#pragma unroll
    for (int e = 0; e < n; ++e)
      adamw_update(w.at[e], first.at[e], second.at[e], clip * g.at[e], hyper, c1, c2);
    store(weight + i * n, w);
    store(m + i * n, first);
    store(v + i * n, second);
  }
  if (const int64_t i = packs * n + thread_in_grid(); i < count) {
    adamw_update(weight[i], m[i], v[i], clip * gradient[i], hyper, c1, c2);
  }
}

}  // namespace shard::kernels
