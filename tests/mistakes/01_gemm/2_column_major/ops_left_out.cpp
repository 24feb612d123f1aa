// expect: C = A·Bᵀ: the ops are not passed on: the call has none for B and none for A
// ranks: 1
#include "exercises/01_gemm/2_column_major.h"

namespace shard {

void row_major_gemm(Op op_a, Op op_b, int64_t m, int64_t n, int64_t k, const float* a,
                    const float* b, float* c) {
  const int64_t row_of_a = op_a == Op::none ? k : m, row_of_b = op_b == Op::none ? n : k;
  column_major_gemm(Op::none, Op::none, n, m, k, b, row_of_b, a, row_of_a, c, n);
}

}  // namespace shard
