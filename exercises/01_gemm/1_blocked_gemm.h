#pragma once
#include <cstdint>

namespace shard {

// A block of the product:
// Y [tile_rows × tile_columns] += X [tile_rows × tile_depth] · A [tile_depth × tile_columns].
constexpr int64_t tile_rows = 8, tile_columns = 16, tile_depth = 32;

/// Y [tokens × out] ← X [tokens × in] · A [in × out], row-major. Each may be a part of a larger
/// matrix: the distance between the starts of two rows is x_stride ≥ in floats in X, a_stride ≥ out
/// in A, y_stride ≥ out in Y. Memory between the rows of Y is not changed. Each sum is formed in
/// blocks of tile_depth terms: every block starts from 0 in a separate variable, which is then
/// added to Y.
void tiled_gemm(int64_t tokens, int64_t in, int64_t out, const float* x, int64_t x_stride,
                const float* a, int64_t a_stride, float* y, int64_t y_stride);

}  // namespace shard
