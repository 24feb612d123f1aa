// expect: terms of 1 in the last block, which is not full
#include "exercises/01_gemm/1_blocked_gemm.h"

#include <algorithm>

namespace shard {

void tiled_gemm(int64_t tokens, int64_t in, int64_t out, const float* x, int64_t x_stride,
                const float* a, int64_t a_stride, float* y, int64_t y_stride) {
  const int64_t whole_blocks = in / tile_depth * tile_depth;
  for (int64_t row = 0; row < tokens; row += tile_rows) {
    const int64_t rows = std::min(tile_rows, tokens - row);
    for (int64_t column = 0; column < out; column += tile_columns) {
      const int64_t columns = std::min(tile_columns, out - column);
      float* corner = y + row * y_stride + column;
      for (int64_t i = 0; i < rows; ++i) std::fill_n(corner + i * y_stride, columns, 0.0f);
      for (int64_t block = 0; block < whole_blocks; block += tile_depth) {
        float sum[tile_rows][tile_columns] = {};
        for (int64_t i = 0; i < rows; ++i) {
          for (int64_t k = block; k < block + tile_depth; ++k) {
            const float left = x[(row + i) * x_stride + k];
            for (int64_t j = 0; j < columns; ++j) sum[i][j] += left * a[k * a_stride + column + j];
          }
          for (int64_t j = 0; j < columns; ++j) corner[i * y_stride + j] += sum[i][j];
        }
      }
      for (int64_t i = 0; i < rows; ++i) {  // what is left of the depth
        for (int64_t k = whole_blocks; k < in; ++k) {
          const float left = x[(row + i) * x_stride + k];
          for (int64_t j = 0; j < columns; ++j)
            corner[i * y_stride + j] += left * a[k * a_stride + column + j];
        }
      }
    }
  }
}

}  // namespace shard
