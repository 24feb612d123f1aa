// expect: C = A·Bᵀ: the leading dimension of B is 11, but a stored row of it has 9 elements
// ranks: 1
#include "exercises/01_gemm/2_column_major.h"

namespace shard {

void row_major_gemm(Op op_a, Op op_b, int64_t m, int64_t n, int64_t k, const float* a,
                    const float* b, float* c) {
  column_major_gemm(op_b, op_a, n, m, k, b, n, a, k, c, n);
}

}  // namespace shard
