#include "chapters/01_gemm/column_major.h"

namespace shard {

reference::Matrix read_by_columns(std::span<const double> memory, int64_t rows, int64_t columns) {
  reference::Matrix seen(rows, columns);
  for (int64_t j = 0; j < columns; ++j) {
    for (int64_t i = 0; i < rows; ++i) seen(i, j) = memory[static_cast<size_t>(i + j * rows)];
  }
  return seen;
}

void column_major_gemm(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
                       int64_t ldb, float* c, int64_t ldc) {
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t i = 0; i < m; ++i) {
      float sum = 0;
      for (int64_t p = 0; p < k; ++p) sum += a[i + p * lda] * b[p + j * ldb];
      c[i + j * ldc] = sum;
    }
  }
}

//! [01-column-major]
void row_major_product(int64_t tokens, int64_t in, int64_t out, const float* x, const float* a,
                       float* y) {
  column_major_gemm(out, tokens, in,  // Yᵀ: [out × tokens], a sum over in
                    a, out,           // Aᵀ: [out × in], A's rows are its columns
                    x, in,            // Xᵀ: [in × tokens]
                    y, out);
}
//! [01-column-major]

}  // namespace shard
