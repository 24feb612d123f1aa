// expect: C = A·B: A is your first factor. What the library writes is Cᵀ
// ranks: 1
#include "exercises/01_gemm/2_column_major.h"

namespace shard {

void row_major_gemm(Op op_a, Op op_b, int64_t m, int64_t n, int64_t k, const float* a,
                    const float* b, float* c) {
  const int64_t row_of_a = op_a == Op::none ? k : m, row_of_b = op_b == Op::none ? n : k;
  column_major_gemm(op_a, op_b, m, n, k, a, row_of_a, b, row_of_b, c, n);
}

}  // namespace shard
