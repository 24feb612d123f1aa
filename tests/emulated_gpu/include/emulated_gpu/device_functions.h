// What a kernel can name on the device: its indices, barriers, shuffles, votes, atomics and a few
// mathematical functions.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <source_location>

#include "vector_types.h"

namespace emulated_gpu {

/// The thread that runs now.
struct Position {
  uint3 thread, block;
  dim3 block_size, grid_size;
  unsigned number;  // of the thread in its block, x fastest
};
extern Position here __attribute__((visibility("hidden")));

using Location = std::source_location;

/// Stops the thread until all threads of the block have come to the same place.
void barrier(Location where);
/// Stops the thread until all threads of its warp that `mask` names have come to the same place.
/// Returns the values of the 32 lanes; valid until the thread's next exchange.
const uint64_t* exchange(const char* operation, unsigned mask, uint64_t value, Location where);
/// Stops the thread until all 32 threads of its warp have come to the same place, each with the
/// address of its operands. The last one to arrive runs `complete` on those of all lanes before any
/// of them continues.
void collective(const char* operation, void* operands, void (*complete)(void* const* lanes),
                Location where);
/// Ends the process: the thread reads from a lane that does not take part.
[[noreturn]] void fail_at_lane(const char* operation, unsigned lane, unsigned mask, Location where);
/// The block's dynamic shared memory. A page that is not accessible follows it.
void* dynamic_shared_memory();

template <class T>
T shuffle(const char* operation, unsigned mask, T value, unsigned lane, Location where) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "CUDA shuffles 4 or 8 bytes");
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  const uint64_t* values = exchange(operation, mask, bits, where);
  if ((mask >> lane & 1u) == 0) fail_at_lane(operation, lane, mask, where);
  std::memcpy(&value, &values[lane], sizeof value);
  return value;
}

inline unsigned lane() { return here.number % 32; }

}  // namespace emulated_gpu

#define threadIdx (static_cast<const uint3&>(emulated_gpu::here.thread))
#define blockIdx (static_cast<const uint3&>(emulated_gpu::here.block))
#define blockDim (static_cast<const dim3&>(emulated_gpu::here.block_size))
#define gridDim (static_cast<const dim3&>(emulated_gpu::here.grid_size))
inline constexpr int warpSize = 32;

// ---- Barriers, shuffles, votes ------------------------------------------------------------------

inline void __syncthreads(emulated_gpu::Location where = emulated_gpu::Location::current()) {
  emulated_gpu::barrier(where);
}

inline void __syncwarp(unsigned mask = 0xFFFFFFFFu,
                       emulated_gpu::Location where = emulated_gpu::Location::current()) {
  emulated_gpu::exchange("__syncwarp", mask, 0, where);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize,
              emulated_gpu::Location where = emulated_gpu::Location::current()) {
  const unsigned in_segment = static_cast<unsigned>(width - 1);
  const unsigned lane =
      (emulated_gpu::lane() & ~in_segment) | (static_cast<unsigned>(source) & in_segment);
  return emulated_gpu::shuffle("__shfl_sync", mask, value, lane, where);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                   emulated_gpu::Location where = emulated_gpu::Location::current()) {
  const unsigned lane = emulated_gpu::lane(), segment = static_cast<unsigned>(width);
  const bool outside = lane % segment + delta >= segment;  // keeps its own value
  return emulated_gpu::shuffle("__shfl_down_sync", mask, value, outside ? lane : lane + delta,
                               where);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = warpSize,
                  emulated_gpu::Location where = emulated_gpu::Location::current()) {
  const unsigned lane = emulated_gpu::lane(), segment = static_cast<unsigned>(width);
  const unsigned other = lane ^ static_cast<unsigned>(lane_mask);
  const bool outside = other >= (lane / segment + 1) * segment;  // keeps its own value
  return emulated_gpu::shuffle("__shfl_xor_sync", mask, value, outside ? lane : other, where);
}

namespace emulated_gpu {
inline unsigned vote(const char* operation, unsigned mask, bool yes, Location where) {
  const uint64_t* votes = exchange(operation, mask, yes, where);
  unsigned result = 0;
  for (unsigned i = 0; i < 32; ++i) {
    if ((mask >> i & 1u) != 0 && votes[i] != 0) result |= 1u << i;
  }
  return result;
}
}  // namespace emulated_gpu

inline unsigned __ballot_sync(unsigned mask, int predicate,
                              emulated_gpu::Location where = emulated_gpu::Location::current()) {
  return emulated_gpu::vote("__ballot_sync", mask, predicate != 0, where);
}
inline int __any_sync(unsigned mask, int predicate,
                      emulated_gpu::Location where = emulated_gpu::Location::current()) {
  return emulated_gpu::vote("__any_sync", mask, predicate != 0, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate,
                      emulated_gpu::Location where = emulated_gpu::Location::current()) {
  return emulated_gpu::vote("__all_sync", mask, predicate != 0, where) == mask;
}

// ---- Memory: one thread runs at a time ----------------------------------------------------------

template <class T>
T __ldg(const T* address) {
  return *address;
}

inline void __threadfence() {}

namespace emulated_gpu {
template <class T>
T fetch_and_add(T* address, T value) {
  const T old = *address;
  *address = old + value;
  return old;
}
}  // namespace emulated_gpu

inline float atomicAdd(float* address, float value) {
  return emulated_gpu::fetch_and_add(address, value);
}
inline double atomicAdd(double* address, double value) {
  return emulated_gpu::fetch_and_add(address, value);
}
inline int atomicAdd(int* address, int value) {
  return emulated_gpu::fetch_and_add(address, value);
}
inline unsigned atomicAdd(unsigned* address, unsigned value) {
  return emulated_gpu::fetch_and_add(address, value);
}

// ---- Mathematics that C++ spells differently ----------------------------------------------------

inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
inline long min(long a, long b) { return a < b ? a : b; }
inline long max(long a, long b) { return a > b ? a : b; }
inline float min(float a, float b) { return std::fmin(a, b); }
inline float max(float a, float b) { return std::fmax(a, b); }
