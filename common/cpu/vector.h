// Vector: as many floats as one instruction takes. A type of GCC and clang, for the loops that the
// compiler does not turn into such instructions by itself.
#pragma once
#include <cstdint>
#include <cstring>
#if defined(__FMA__)
#include <immintrin.h>
#endif

namespace shard {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif
typedef float Vector __attribute__((vector_size(vector_bytes)));
constexpr int64_t lanes = vector_bytes / static_cast<int64_t>(sizeof(float));

/// The first `count` numbers at `from`, which need not be aligned, and zeros after them.
inline Vector load(const float* from, int64_t count = lanes) {
  Vector x{};
  std::memcpy(&x, from, static_cast<size_t>(count) * sizeof(float));
  return x;
}

/// Writes the first `count` numbers of x.
inline void store(float* to, const Vector& x, int64_t count = lanes) {
  std::memcpy(to, &x, static_cast<size_t>(count) * sizeof(float));
}

/// sum + x·y, rounded once where the processor can: said to the compiler, which otherwise chooses
/// anew for each loop, so that equal loops would give different bits.
inline Vector multiply_add(const Vector& x, const Vector& y, const Vector& sum) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(x, y, sum);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(x, y, sum);
#else
  return sum + x * y;
#endif
}

/// The sum of `count` numbers, a power of two: the second half is added to the first, and so on.
template <int64_t count>
float sum_in_halves(const float* x) {
  if constexpr (count == 1) {
    return *x;
  } else {
    typedef float Half __attribute__((vector_size(count / 2 * sizeof(float))));
    Half first, second;
    std::memcpy(&first, x, sizeof first);
    std::memcpy(&second, x + count / 2, sizeof second);
    first += second;
    float sums[count / 2];
    std::memcpy(sums, &first, sizeof sums);
    return sum_in_halves<count / 2>(sums);
  }
}

/// The sum of all numbers of x.
inline float sum_of(const Vector& x) {
  float numbers[lanes];
  store(numbers, x);
  return sum_in_halves<lanes>(numbers);
}

}  // namespace shard
