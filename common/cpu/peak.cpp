// The CPU's peak: fused multiply-adds on values that stay in registers, as many at once as the core
// can start.
#include <atomic>
#include <limits>

#include "common/base/clock.h"
#include "common/cpu/cpu_backend.h"
#include "common/cpu/parallel.h"
#include "common/cpu/vector.h"

namespace shard {
namespace {

constexpr int chains = vector_bytes == 64 ? 24 : 12;  // of 32 registers, or of 16

/// value ← value · factor + term, `rounds` times in each lane of each chain. A chain waits for its
/// last result, some four cycles; the others fill the time. The compiled loop is nothing but
/// multiply-adds (vfmadd) and its counter.
[[gnu::noinline]] float multiply_add(int64_t rounds, float factor, float term) {
  Vector value[chains], factors = Vector{} + factor, terms = Vector{} + term;
  for (int chain = 0; chain < chains; ++chain) value[chain] = Vector{} + static_cast<float>(chain);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 32
    for (int chain = 0; chain < chains; ++chain) value[chain] = value[chain] * factors + terms;
  }
  Vector sum{};
  for (const Vector& v : value) sum += v;
  return sum[0];
}

}  // namespace

Peak CpuBackend::measure_peak() {
  // about a millisecond: short enough to fit between interruptions
  constexpr int64_t rounds = 100'000;
  constexpr int tries = 200;
  double best = std::numeric_limits<double>::infinity();
  const volatile float factor = 0.5f,
                       term = 1.0f;  // volatile, so that the compiler cannot evaluate the loop
  std::atomic<float> used;           // or leave it out
  for (int attempt = 0; attempt < tries; ++attempt) {
    const double start = now();
    parallel_for(threads_, rounds, [&](int64_t begin, int64_t end) {
      for (int64_t thread = begin; thread < end; ++thread)
        used = multiply_add(rounds, factor, term);
    });
    best = std::min(best, now() - start);
  }
  return {2.0 * lanes * chains * rounds * threads_ / best, threads_};
}

}  // namespace shard
