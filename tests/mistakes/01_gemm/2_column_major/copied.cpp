// expect: C = Aᵀ·B: the library works on memory other than that of A, B and C
// ranks: 1
#include <vector>

#include "exercises/01_gemm/2_column_major.h"

namespace shard {

void row_major_gemm(Op op_a, Op op_b, int64_t m, int64_t n, int64_t k, const float* a,
                    const float* b, float* c) {
  const int64_t row_of_b = op_b == Op::none ? n : k;
  std::vector<float> copy(a, a + m * k);  // op(A), by rows
  for (int64_t i = 0; i < m && op_a == Op::transpose; ++i) {
    for (int64_t j = 0; j < k; ++j) copy[static_cast<std::size_t>(i * k + j)] = a[j * m + i];
  }
  column_major_gemm(op_b, Op::none, n, m, k, b, row_of_b, op_a == Op::none ? a : copy.data(), k, c,
                    n);
}

}  // namespace shard
