// Exercise 01.2: row-major products with transpositions, on a column-major library.
//
// Chapter 01 computes Y = X·A with a column-major library by asking it for Yᵀ = Aᵀ·Xᵀ. A backward
// pass also needs dX = dY·Aᵀ and dA = Xᵀ·dY, and cuBLAS (NVIDIA, cuBLAS library, "Data Layout") is
// column-major too. This exercise covers all four combinations of transpositions, each with one
// call and without a copy. With square matrices most wrong calls still run, so draw the memory
// layout first.
//
// Write: one call of column_major_gemm, with the leading dimensions it needs. About 6 lines.
// Shapes: op(A) [m × k] · op(B) [k × n] → C [m × n], row-major; A is stored as [m × k] or [k × m],
//         B as [k × n] or [n × k].
// Ledger: nothing is communicated.
#include "exercises/01_gemm/2_column_major.h"

#include "exercises/todo.h"

namespace shard {

void row_major_gemm(Op op_a, Op op_b, int64_t m, int64_t n, int64_t k, const float* a,
                    const float* b, float* c) {
  todo("row_major_gemm");
}

}  // namespace shard
