// Which thread this is, and how it moves elements: up to 16 bytes with one instruction.
#pragma once
#include "common/base/bfloat16.h"
#include "common/cuda/device.cuh"

namespace shard::kernels {

/// n consecutive elements, loaded and stored 16 bytes at a time where they are that long. Their
/// address must be a multiple of 16 then; n = 1 goes anywhere.
template <int n, class T>
struct alignas(n * sizeof(T) < 16 ? n * sizeof(T) : 16) Pack {
  T at[n];
};

/// The type in which is computed.
template <int n>
using Floats = Pack<n, float>;

template <int n, class T>
__device__ Pack<n, T> load(const T* from) {
  return *reinterpret_cast<const Pack<n, T>*>(from);
}

template <int n, class T>
__device__ void store(T* to, const Pack<n, T>& pack) {
  *reinterpret_cast<Pack<n, T>*>(to) = pack;
}

template <int n, class T>
__device__ Floats<n> floats_of(const Pack<n, T>& pack) {
  Floats<n> values;
#pragma unroll
  for (int e = 0; e < n; ++e) values.at[e] = pack.at[e];
  return values;
}

template <int n, class T>
__device__ Floats<n> load_floats(const T* from) {
  return floats_of(load<n>(from));
}

/// Stores value(0) … value(n-1), rounded to T.
template <int n, class T, class Value>
__device__ void store_each(T* to, const Value& value) {
  Pack<n, T> pack;
#pragma unroll
  for (int e = 0; e < n; ++e) pack.at[e] = value(e);
  store(to, pack);
}

/// This thread's number in x, and how many there are: for grids and blocks of one dimension, or
/// over columns.
inline __device__ int64_t thread_in_grid() {
  return int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
}
inline __device__ int64_t threads_in_grid() { return int64_t{gridDim.x} * blockDim.x; }

/// For grids that cover a matrix, with rows in y: the row to begin with, and the step to the next
/// one.
inline __device__ int64_t first_row() { return int64_t{blockIdx.y} * blockDim.y + threadIdx.y; }
inline __device__ int64_t row_step() { return int64_t{gridDim.y} * blockDim.y; }

}  // namespace shard::kernels
