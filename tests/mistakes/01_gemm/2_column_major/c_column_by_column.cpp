// expect: by transposing each, but it writes C column by column
// ranks: 1
#include "exercises/01_gemm/2_column_major.h"

namespace shard {

void row_major_gemm(Op op_a, Op op_b, int64_t m, int64_t n, int64_t k, const float* a,
                    const float* b, float* c) {
  const auto turned = [](Op op) { return op == Op::none ? Op::transpose : Op::none; };
  const int64_t row_of_a = op_a == Op::none ? k : m, row_of_b = op_b == Op::none ? n : k;
  column_major_gemm(turned(op_a), turned(op_b), m, n, k, a, row_of_a, b, row_of_b, c, m);
}

}  // namespace shard
