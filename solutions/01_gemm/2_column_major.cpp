#include "exercises/01_gemm/2_column_major.h"

namespace shard {

// The memory of a row-major matrix, read by columns, is the transposed matrix. So the library is
// asked for Cᵀ = (op(A)·op(B))ᵀ = op(B)ᵀ·op(A)ᵀ, and already sees Bᵀ and Aᵀ.
void row_major_gemm(Op op_a, Op op_b, int64_t m, int64_t n, int64_t k, const float* a,
                    const float* b, float* c) {
  // elements in a stored row: [m × k] or [k × m]
  const int64_t row_of_a = op_a == Op::none ? k : m;
  const int64_t row_of_b = op_b == Op::none ? n : k;  // [k × n] or [n × k]
  column_major_gemm(op_b, op_a, n, m, k,              // Cᵀ: [n × m]
                    b, row_of_b,                      // op(B)ᵀ: [n × k]
                    a, row_of_a,                      // op(A)ᵀ: [k × m]
                    c, n);
}

}  // namespace shard
