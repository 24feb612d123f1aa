// Kernels that compute each element from those at the same place, a bias, or a random number.
#pragma once
#include "common/cuda/kernels/pack.cuh"
#include "common/tensor/backend.h"

namespace shard::kernels {

struct Same {
  __device__ float operator()(float x) const { return x; }
};

struct Fill {
  float value;
  __device__ float operator()() const { return value; }
};

struct Accumulate {
  float factor;
  __device__ float operator()(float y, float x) const { return y + factor * x; }
};

struct Add {
  __device__ float operator()(float a, float b) const { return a + b; }
};

struct Scale {
  float factor;
  __device__ float operator()(float x) const { return factor * x; }
};

struct Gelu {
  __device__ float operator()(float x) const { return gelu(x); }
};

struct GeluBackward {
  __device__ float operator()(float x, float dy) const { return dy * gelu_derivative(x); }
};

/// out[i] ← f(in[i], …), n elements at a time. The output may be one of the inputs.
template <int n, class F, class Out, class... In>
__global__ void transform(int64_t count, F f, Out* out, const In*... in) {
  const auto of_packs = [&f](const Pack<n, In>&... x) {
    Pack<n, Out> y;
#pragma unroll
    for (int e = 0; e < n; ++e) y.at[e] = f(static_cast<float>(x.at[e])...);
    return y;
  };
  const int64_t packs = count / n;
#pragma unroll 1
  for (int64_t i = thread_in_grid(); i < packs; i += threads_in_grid()) {
    store(out + i * n, of_packs(load<n>(in + i * n)...));
  }
  if (const int64_t i = packs * n + thread_in_grid(); i < count)
    out[i] = f(static_cast<float>(in[i])...);
}

/// y ← y + bias: a thread keeps its columns' bias and goes down the rows.
template <int n, class T>
__global__ void add_bias(T* y, const T* bias, int64_t rows, int64_t columns) {
  const int64_t column = n * thread_in_grid();
  if (column >= columns) return;
  const Pack<n, T> addend = load<n>(bias + column);
#pragma unroll 1
  for (int64_t row = first_row(); row < rows; row += row_step()) {
    T* const place = y + row * columns + column;
    Pack<n, T> sum = load<n>(place);
#pragma unroll
    for (int e = 0; e < n; ++e)
      sum.at[e] = static_cast<float>(sum.at[e]) + static_cast<float>(addend.at[e]);
    store(place, sum);
  }
}

/// out ← a + (b + bias), likewise.
template <int n, class T>
__global__ void add_with_bias(T* out, const T* a, const T* b, const T* bias, int64_t rows,
                              int64_t columns) {
  const int64_t column = n * thread_in_grid();
  if (column >= columns) return;
  const Floats<n> addend = load_floats<n>(bias + column);
#pragma unroll 1
  for (int64_t row = first_row(); row < rows; row += row_step()) {
    const int64_t place = row * columns + column;
    const Floats<n> left = load_floats<n>(a + place), right = load_floats<n>(b + place);
    store_each<n>(out + place, [&](int e) { return left.at[e] + (right.at[e] + addend.at[e]); });
  }
}

/// Four elements whose indices in the whole matrix share a block of four random numbers are a
/// group. A thread takes one; or with `whole`, where every row begins and ends with 16 bytes that
/// are groups, the groups of those bytes.
template <bool whole, class T>
__global__ void dropout(T* y, const T* x, int64_t rows, int64_t columns, float probability,
                        RandomStream random, Block block) {
  constexpr int group = 4, groups = whole ? 16 / (group * sizeof(T)) : 1, n = groups * group;
  const float kept = 1.0f / (1.0f - probability);
#pragma unroll 1
  for (int64_t row = first_row(); row < rows; row += row_step()) {
    const auto first =
        static_cast<uint64_t>((block.first_row + row) * block.whole_columns + block.first_column);
    const int64_t column = n * thread_in_grid() - static_cast<int64_t>(first % group);
    if (column >= columns) continue;
    const int64_t place = row * columns + column;
    Pack<n, T> values{};
    if constexpr (whole) values = load<n>(x + place);
#pragma unroll
    for (int g = 0; g < groups; ++g) {
      const auto words =
          random.words(first / group + static_cast<uint64_t>(groups * thread_in_grid() + g));
#pragma unroll
      for (int word = 0; word < group; ++word) {
        const int e = g * group + word;
        const bool here = whole || (column + e >= 0 && column + e < columns);
        if (!whole && here) values.at[e] = x[place + e];
        const bool drop = RandomStream::uniform_of(words[word]) < probability;
        values.at[e] = drop ? 0.0f : kept * static_cast<float>(values.at[e]);
        if (!whole && here) y[place + e] = values.at[e];
      }
    }
    if constexpr (whole) store(y + place, values);
  }
}

}  // namespace shard::kernels
