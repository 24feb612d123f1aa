// The ladder: one matrix product, Y = X·A, written three times, each faster than the one before.
// One thread, plain C++, row-major matrices in host memory. The fourth rung is the library, which
// ops.h calls.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace shard {

/// Y [tokens × out] ← X [tokens × in] · A [in × out].
using Gemm = void (*)(int64_t tokens, int64_t in, int64_t out, const float* x, const float* a,
                      float* y);

/// The definition: one dot product for each element of Y. Walks down A's columns, a new cache line
/// every step.
void naive_gemm(int64_t tokens, int64_t in, int64_t out, const float* x, const float* a, float* y);

/// The same operations with the inner two loops exchanged: walks along rows of A and Y, many
/// elements at a time.
void reordered_gemm(int64_t tokens, int64_t in, int64_t out, const float* x, const float* a,
                    float* y);

/// Cut into blocks that fit the caches, and tiles of Y that stay in registers for a whole block:
/// after Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS
/// 34(3), 2008.
void blocked_gemm(int64_t tokens, int64_t in, int64_t out, const float* x, const float* a,
                  float* y);

struct Rung {
  std::string name, json_name;
  Gemm gemm;
  int64_t largest_size;  // above it the rung takes too long for a demonstration
};
const std::vector<Rung>& ladder();

}  // namespace shard
