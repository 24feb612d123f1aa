// Sums over whole tensors, and the optimizer's step.
#pragma once
#include <cmath>

#include "common/base/formulas.h"
#include "common/cuda/kernels/reduce.cuh"
#include "common/cuda/kernels/tensor_list.cuh"

namespace shard::kernels {

struct Identity {
  __device__ double operator()(double x) const { return x; }
};

struct Square {
  __device__ double operator()(double x) const { return x * x; }
};

/// A tensor in a sum.
struct Summed {
  const float* x;
  int64_t count;
  bool wide;  // whether 16 bytes are loaded at a time
};

/// Σ term(x[i]) over this thread's elements, n at a time.
template <int n, class Term>
__device__ double sum_of(const Summed& of, int64_t thread, int64_t threads, Term term) {
  double sum = 0;
  const int64_t packs = of.count / n;
#pragma unroll 4
  for (int64_t i = thread; i < packs; i += threads) {
    const Floats<n> values = load<n>(of.x + i * n);
#pragma unroll
    for (int e = 0; e < n; ++e) sum += term(values.at[e]);
  }
  if (const int64_t i = packs * n + thread; i < of.count) sum += term(of.x[i]);
  return sum;
}

/// parts[block] ← Σ term(x[i]) over the block's elements, in double.
template <class Term>
__global__ void sum_by_blocks(double* parts, const __grid_constant__ TensorList<Summed> list,
                              Term term) {
  const int i = list.mine();
  const Summed& of = list.at[i];
  double sum = of.wide ? sum_of<4>(of, list.thread(i), list.threads(i), term)
                       : sum_of<1>(of, list.thread(i), list.threads(i), term);
  sum = block_sum(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

/// sums[i] ← Σ parts of tensor i, by block i; or, if it is to be added, sums[i] += that.
static __global__ void sum_of_blocks(float* sums, const double* parts,
                                     const __grid_constant__ TensorList<Summed> list, bool add) {
  const auto i = static_cast<int>(blockIdx.x);
  double sum = 0;
  for (int part = list.first_block[i] + static_cast<int>(threadIdx.x);
       part < list.first_block[i + 1]; part += static_cast<int>(blockDim.x)) {
    sum += parts[part];
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) sums[i] = (add ? sums[i] : 0.0f) + static_cast<float>(sum);
}

/// total[0] ← total[0] + terms[0] + terms[1] + …, in this order, by one thread.
static __global__ void add_in_order(float* total, const float* terms, int64_t count) {
  float sum = total[0];
#pragma unroll 8
  for (int64_t i = 0; i < count; ++i) sum += terms[i];
  total[0] = sum;
}

struct ClipFactor {
  float limit;
  __device__ float operator()(float sum_of_squares) const {
    if (!is_finite(sum_of_squares)) return NAN;
    return limit == 0.0f ? 1.0f : std::fmin(1.0f, limit / (std::sqrt(sum_of_squares) + 1e-6f));
  }
};

/// A tensor to set to zero.
struct Zeroed {
  float* x;
  int64_t count;
  bool wide;  // whether 16 bytes are stored at a time
};

template <int n>
__device__ void zero_tensor(const Zeroed& of, int64_t thread, int64_t threads) {
  const int64_t packs = of.count / n;
  for (int64_t i = thread; i < packs; i += threads) store(of.x + i * n, Floats<n>{});
  if (const int64_t i = packs * n + thread; i < of.count) of.x[i] = 0.0f;
}

static __global__ void zero(const __grid_constant__ TensorList<Zeroed> list) {
  const int i = list.mine();
  const Zeroed& of = list.at[i];
  of.wide ? zero_tensor<4>(of, list.thread(i), list.threads(i))
          : zero_tensor<1>(of, list.thread(i), list.threads(i));
}

/// A TrainedWeight.
struct Trained {
  float *weight, *m, *v;
  const float* gradient;
  BFloat16* rounded;  // or null
  int64_t count;
  bool wide;  // whether 16 bytes are moved at a time
  bool decays;
};

/// What is the same for all elements: the factor of the gradients, and the corrections of
/// adamw_update.
struct AdamWStep {
  float clip;
  AdamW hyper;
  float c1, c2;
};

/// adamw_update of this thread's elements, n at a time.
template <int n>
__device__ void adamw_of_tensor(const Trained& of, int64_t thread, int64_t threads,
                                const AdamWStep& step) {
  const auto at = [&]<int length>(int64_t i) {
    Floats<length> w = load<length>(of.weight + i), m = load<length>(of.m + i),
                   v = load<length>(of.v + i);
    const Floats<length> g = load<length>(of.gradient + i);
#pragma unroll
    for (int e = 0; e < length; ++e)
      adamw_update(w.at[e], m.at[e], v.at[e], step.clip * g.at[e], step.hyper, step.c1, step.c2);
    store(of.weight + i, w);
    store(of.m + i, m);
    store(of.v + i, v);
    if (of.rounded) store_each<length>(of.rounded + i, [&](int e) { return w.at[e]; });
  };
  const int64_t packs = of.count / n;
#pragma unroll 1
  for (int64_t i = thread; i < packs; i += threads) at.template operator()<n>(i * n);
  if (const int64_t i = packs * n + thread; i < of.count) at.template operator()<1>(i);
}

/// Nothing if factor[0] is infinite or NaN.
static __global__ void adamw(const __grid_constant__ TensorList<Trained> list, const float* factor,
                             AdamW hyper, float c1, float c2) {
  const float clip = *factor;
  if (!is_finite(clip)) return;
  const int i = list.mine();
  const Trained& of = list.at[i];
  if (!of.decays) hyper.weight_decay = 0.0f;
  const AdamWStep step{clip, hyper, c1, c2};
  of.wide ? adamw_of_tensor<4>(of, list.thread(i), list.threads(i), step)
          : adamw_of_tensor<1>(of, list.thread(i), list.threads(i), step);
}

}  // namespace shard::kernels
