#pragma once
#include <cstdint>

namespace shard {

enum class Op { none, transpose };

/// The product of a column-major library (sgemm of BLAS, cublasSgemm of cuBLAS; here without their
/// factors alpha and beta): C [m × n] ← op(A) [m × k] · op(B) [k × n], all column-major. A is
/// stored as [m × k], or as [k × m] if op_a is Op::transpose; B as [k × n] or [n × k]. A leading
/// dimension (lda, ldb, ldc) is the distance from one stored column to the next; it must not be
/// less than the number of stored rows.
void column_major_gemm(Op op_a, Op op_b, int64_t m, int64_t n, int64_t k, const float* a,
                       int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc);

/// C [m × n] ← op(A) [m × k] · op(B) [k × n], all row-major and contiguous. A is stored as [m × k],
/// or as [k × m] if op_a is Op::transpose; B as [k × n] or [n × k].
void row_major_gemm(Op op_a, Op op_b, int64_t m, int64_t n, int64_t k, const float* a,
                    const float* b, float* c);

}  // namespace shard
