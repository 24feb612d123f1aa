// product: one product of matrices in memory, by oneDNN's sgemm. It uses all threads, or, called by
// a thread of a parallel region, that thread.
#pragma once
#include <cstdint>

namespace shard {

/// A matrix in memory: its first element, how far apart its rows are, and whether its transpose is
/// meant.
struct Stored {
  const float* first;
  int64_t row_length;
  bool transposed = false;
};

/// C ← alpha · A·B + beta · C, beta 0 or 1. A [m × k], B [k × n], C [m × n] with rows `row_length`
/// apart. Throws Error when oneDNN does.
void product(float* c, int64_t row_length, Stored a, Stored b, int64_t m, int64_t n, int64_t k,
             float beta = 0.0f, float alpha = 1.0f);

}  // namespace shard
