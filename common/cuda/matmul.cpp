// Matrix products by cuBLAS.
#include "common/cuda/cuda_backend.h"

namespace shard {

static cudaDataType_t cuda_type(const Tensor& x) { return x.type() == DataType::bf16 ? CUDA_R_16BF : CUDA_R_32F; }

static int cublas_size(int64_t size) {
  require(size <= INT32_MAX, "cuBLAS counts rows and columns in an int; ", size, " are too many");
  return static_cast<int>(size);
}

//! [cublas]
/// C [m × n] ← A·B + beta·C, row-major. cuBLAS is column-major: in the same memory it sees the transposed matrices, so
/// it is asked for Cᵀ = Bᵀ·Aᵀ, and nothing is moved. A leading dimension is the length of a stored row.
void CudaBackend::matmul(Tensor& c, Operand a, Operand b, float beta) {
  const int64_t m = a.rows(), n = b.columns(), k = a.columns();
  if (c.elements() == 0) return;
  if (k == 0) {
    if (beta == 0.0f) fill(c, 0.0f);
    return;
  }
  const int64_t batch = c.elements() / (m * n);
  const float one = 1.0f;
  const bool in_tf32 = tf32_ && a.matrix.type() == DataType::f32;
  check_cublas(cublasGemmStridedBatchedEx(
                   cublas_, b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N, a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N,
                   cublas_size(n), cublas_size(m), cublas_size(k), &one,                                    //
                   b.matrix.address(), cuda_type(b.matrix), cublas_size(b.matrix.columns()), k * n,         //
                   a.matrix.address(), cuda_type(a.matrix), cublas_size(a.matrix.columns()), m * k, &beta,  //
                   c.address(), cuda_type(c), cublas_size(n), m * n, cublas_size(batch),                    //
                   in_tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
               "cublasGemmStridedBatchedEx");
}
//! [cublas]

}  // namespace shard
