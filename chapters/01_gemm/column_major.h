// A matrix product as column-major libraries (BLAS, LAPACK, cuBLAS) define it: element (i, j) of a
// matrix is at i + j·ld, where ld, the leading dimension, is the distance from one column to the
// next.
#pragma once
#include <cstdint>
#include <span>

#include "common/check/reference.h"

namespace shard {

/// The matrix [rows × columns] that a column-major library sees in this memory.
reference::Matrix read_by_columns(std::span<const double> memory, int64_t rows, int64_t columns);

/// C [m × n] ← A [m × k] · B [k × n], all column-major. Slow and plain: it is here for its
/// arguments, which are those of sgemm and cublasSgemm without transpositions and factors.
void column_major_gemm(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
                       int64_t ldb, float* c, int64_t ldc);

/// Y [tokens × out] ← X [tokens × in] · A [in × out], all row-major, by the function above and
/// without a copy: row-major memory read column by column is the transposed matrix, and Yᵀ = (X·A)ᵀ
/// = Aᵀ·Xᵀ.
void row_major_product(int64_t tokens, int64_t in, int64_t out, const float* x, const float* a,
                       float* y);

}  // namespace shard
