// expect: the sum over the last block only: each block overwrote the previous one
// ranks: 1
#include <algorithm>

#include "exercises/01_gemm/1_blocked_gemm.h"

namespace shard {

void tiled_gemm(int64_t tokens, int64_t in, int64_t out, const float* x, int64_t x_stride,
                const float* a, int64_t a_stride, float* y, int64_t y_stride) {
  for (int64_t row = 0; row < tokens; row += tile_rows) {
    for (int64_t column = 0; column < out; column += tile_columns) {
      for (int64_t block = 0; block < in; block += tile_depth) {
        const int64_t rows_end = std::min(row + tile_rows, tokens),
                      columns_end = std::min(column + tile_columns, out);
        const int64_t block_end = std::min(block + tile_depth, in);
        float sum[tile_rows][tile_columns] = {};
        for (int64_t i = row; i < rows_end; ++i) {
          for (int64_t k = block; k < block_end; ++k) {
            for (int64_t j = column; j < columns_end; ++j) {
              sum[i - row][j - column] += x[i * x_stride + k] * a[k * a_stride + j];
            }
          }
          for (int64_t j = column; j < columns_end; ++j)
            y[i * y_stride + j] = sum[i - row][j - column];
        }
      }
    }
  }
}

}  // namespace shard
