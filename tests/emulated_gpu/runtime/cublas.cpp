// cuBLAS on the emulated GPU.
#include <cublas_v2.h>

#include <set>

#include "leaks.h"
#include "product.h"
#include "stream.h"

using namespace emulated_gpu;

struct cublasContext {
  cudaStream_t stream = nullptr;
};

namespace {

constexpr int version = 130100;

std::set<cublasHandle_t>& handles() {
  static auto& all = *new std::set<cublasHandle_t>;
  return all;
}

cublasStatus_t enqueue_product(cublasHandle_t handle, const Product& product) {
  if (!has_valid_sizes(product)) return CUBLAS_STATUS_INVALID_VALUE;
  if (!has_valid_types(product)) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (product.m == 0 || product.n == 0 || product.batch == 0) return CUBLAS_STATUS_SUCCESS;
  const Stream stream = find_stream(handle->stream);
  if (stream == nullptr) return CUBLAS_STATUS_EXECUTION_FAILED;
  enqueue_work(stream, "cublasGemmStridedBatchedEx", [product] { run(product); });
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

namespace emulated_gpu {
size_t live_cublas_handles() { return handles().size(); }
}  // namespace emulated_gpu

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  if (handle == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  report_leaks_at_exit();
  *handle = new cublasContext;
  handles().insert(*handle);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  if (handles().erase(handle) == 0) return CUBLAS_STATUS_NOT_INITIALIZED;
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetVersion_v2(cublasHandle_t, int* result) {
  if (result == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  *result = version;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  if (!handles().contains(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t transa,
                                          cublasOperation_t transb, int m, int n, int k,
                                          const void* alpha, const void* a, cudaDataType_t a_type,
                                          int lda, long long int stride_a, const void* b,
                                          cudaDataType_t b_type, int ldb, long long int stride_b,
                                          const void* beta, void* c, cudaDataType_t c_type, int ldc,
                                          long long int stride_c, int batch,
                                          cublasComputeType_t compute_type, cublasGemmAlgo_t) {
  if (!handles().contains(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (alpha == nullptr || beta == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  const bool ta = transa == CUBLAS_OP_T, tb = transb == CUBLAS_OP_T;
  const bool tf32 = a_type == CUDA_R_32F && compute_type == CUBLAS_COMPUTE_32F_FAST_TF32;
  return enqueue_product(handle, {ta,
                                  tb,
                                  m,
                                  n,
                                  k,
                                  *static_cast<const float*>(alpha),
                                  *static_cast<const float*>(beta),
                                  {a, a_type, ta ? k : m, ta ? m : k, lda, stride_a},
                                  {b, b_type, tb ? n : k, tb ? k : n, ldb, stride_b},
                                  {c, c_type, m, n, ldc, stride_c},
                                  batch,
                                  tf32});
}

const char* cublasGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return "unknown status";
}
