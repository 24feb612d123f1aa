// The GPU's peak in f32: fused multiply-adds on values that stay in registers, as many at once as
// the multiprocessors can start.
#include <algorithm>
#include <limits>

#include "common/cuda/cuda_backend.h"
#include "common/cuda/dispatch.h"
#include "common/cuda/kernels/pack.cuh"

namespace shard {
namespace {

// a chain waits four cycles for its last result; the others, and other warps, fill the time
constexpr int chains = 8;
constexpr int64_t threads_at_once = 2048;  // on a multiprocessor

/// value ← value · factor + term, `rounds` times in each chain.
__global__ void multiply_add(float* out, int64_t rounds, float factor, float term) {
  float value[chains];
  for (int chain = 0; chain < chains; ++chain) value[chain] = static_cast<float>(chain);
#pragma unroll 8
  for (int64_t round = 0; round < rounds; ++round) {
#pragma unroll
    for (int chain = 0; chain < chains; ++chain) value[chain] = value[chain] * factor + term;
  }
  float sum = 0;
  for (const float v : value) sum += v;
  out[kernels::thread_in_grid()] = sum;
}

}  // namespace

Peak CudaBackend::measure_peak() {
  constexpr double long_enough =
      1e-3;                  // seconds: then the start and the end of the kernel do not count
  constexpr int tries = 20;  // one of them finds the clock at its highest
  const int64_t blocks = multiprocessors_ * threads_at_once / block_threads;
  const Scratch out(*this, blocks * block_threads * int64_t{sizeof(float)});
  Event begin(true), end(true);
  const auto seconds_of = [&](int64_t rounds) {
    begin.record(compute_);
    launch(multiply_add, dim3(dimension(blocks)), block_threads, 0, compute_, out.data<float>(),
           rounds, 0.5f, 1.0f);
    end.record(compute_);
    synchronize();
    return end.seconds_since(begin);
  };
  int64_t rounds = 16;
  while (seconds_of(rounds) < long_enough) rounds *= 2;
  double best = std::numeric_limits<double>::infinity();
  for (int attempt = 0; attempt < tries; ++attempt) best = std::min(best, seconds_of(rounds));
  const auto multiply_adds = static_cast<double>(blocks * block_threads * chains * rounds);
  return {2.0 * multiply_adds / best, multiprocessors_};
}

}  // namespace shard
