// Matrix products by cuBLASLt, and by cuBLAS those that it does not take.
#include "common/cuda/cuda_backend.h"
#include "common/cuda/launch_count.h"

namespace shard {

static int cublas_size(int64_t size) {
  require(size <= INT32_MAX, "cuBLAS counts rows and columns in an int; ", size, " are too many");
  return static_cast<int>(size);
}

static void* element(const Operand& x, int64_t row, int64_t column) {
  return x.matrix.data<std::byte>() + x.place_of(row, column) * size_of(x.matrix.type());
}

static cublasOperation_t operation(const Operand& x) {
  return x.transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
}
static cudaDataType_t type(const Operand& x) {
  return x.matrix.type() == DataType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}
static int row_length(const Operand& x) { return cublas_size(x.matrix.columns()); }

/// The part of a factor that begins at (row, column), as cuBLASLt sees it where it is stored.
static LtMatrix lt_matrix(const Operand& x, Range rows, Range columns) {
  const bool t = x.transposed;
  return {element(x, rows.begin, columns.begin), type(x), t ? rows.size() : columns.size(),
          t ? columns.size() : rows.size(), x.matrix.columns()};
}

void CudaBackend::matmul(Tensor& to, Operand a, Operand b, float beta, const ProductPart& part) {
  if (to.elements() == 0) return;
  if (part.inner.size() == 0) {
    if (beta == 0.0f) fill(to, 0.0f);
    return;
  }
  if (!multiply_by_cublas_lt(to, a, b, beta, part)) multiply_by_cublas(to, a, b, beta, part);
}

bool CudaBackend::multiply_by_cublas_lt(Tensor& to, const Operand& a, const Operand& b, float beta,
                                        const ProductPart& part, const LtEnd& end) {
  const Operand c = to;
  const auto& [rows, inner, columns] = part;
  if (to.elements() != c.size()) return false;  // a batch
  if (!lt_products_) lt_products_ = std::make_unique<LtProducts>(compute_);
  const bool done = lt_products_->multiply({.a = lt_matrix(b, inner, columns),
                                            .b = lt_matrix(a, rows, inner),
                                            .d = lt_matrix(c, rows, columns),
                                            .a_transposed = b.transposed,
                                            .b_transposed = a.transposed,
                                            .beta = beta,
                                            .tf32 = tf32_ && a.matrix.type() == DataType::f32,
                                            .end = end});
  if (done) ++launched;
  return done;
}

//! [cublas]
/// C [m × n] ← A·B + beta·C, row-major. cuBLAS is column-major: in the same memory it sees the
/// transposed matrices, so it is asked for Cᵀ = Bᵀ·Aᵀ, and nothing is moved. A leading dimension is
/// the length of a stored row.
void CudaBackend::multiply_by_cublas(Tensor& to, const Operand& a, const Operand& b, float beta,
                                     const ProductPart& part) {
  const Operand c = to;
  const auto [rows, inner, columns] = part;
  const int m = cublas_size(rows.size()), n = cublas_size(columns.size()),
            k = cublas_size(inner.size());
  const int batch = cublas_size(to.elements() / c.size());
  ++launched;
  const float one = 1.0f;
  const bool in_tf32 = tf32_ && a.matrix.type() == DataType::f32;
  check_cublas(
      cublasGemmStridedBatchedEx(
          cublas_, operation(b), operation(a), n, m, k, &one,                                     //
          element(b, inner.begin, columns.begin), type(b), row_length(b), b.size(),               //
          element(a, rows.begin, inner.begin), type(a), row_length(a), a.size(),                  //
          &beta, element(c, rows.begin, columns.begin), type(c), row_length(c), c.size(), batch,  //
          in_tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
      "cublasGemmStridedBatchedEx");
}
//! [cublas]

}  // namespace shard
