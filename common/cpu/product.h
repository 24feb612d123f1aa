// product: one product of matrices in memory, by oneDNN's sgemm or, of a few rows, by loops of our
// own. It uses all threads, or, called by a thread of a parallel region, that thread.
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

/// Up to so many rows, loops that read B at the speed of memory are faster than oneDNN's.
constexpr int64_t few_rows = 32;

/// What product does for m ≤ few_rows and an A that is not transposed, m, n, k > 0. A row of C is
/// the same, bit by bit, whatever other rows there are.
void product_of_few_rows(float* c, int64_t row_length, Stored a, Stored b, int64_t m, int64_t n,
                         int64_t k, float beta, float alpha);

}  // namespace shard
