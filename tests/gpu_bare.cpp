// cuBLAS called without the project's ops and backend: what gpu_bench compares matmul() with. Part
// of the GPU library.
#include <memory>

#include "common/cuda/cuda_backend.h"

using namespace shard;

static cublasHandle_t make_handle() {
  cublasHandle_t handle = nullptr;
  check_cublas(cublasCreate(&handle), "cublasCreate");
  return handle;
}

/// Y ← X·A, all bf16, in the order of the backend's work.
extern "C" void gpu_bare_matmul(const Tensor& x, const Tensor& a, Tensor& y) {
  static const std::unique_ptr<cublasContext, decltype(&cublasDestroy)> owner(make_handle(),
                                                                              cublasDestroy);
  cublasHandle_t handle = owner.get();
  check_cublas(cublasSetStream(handle, dynamic_cast<CudaBackend&>(y.backend()).compute_stream()),
               "cublasSetStream");
  const int tokens = static_cast<int>(x.rows()), in = static_cast<int>(x.columns()),
            out = static_cast<int>(a.columns());
  const float one = 1.0f, zero = 0.0f;
  check_cublas(cublasGemmStridedBatchedEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, out, tokens, in,
                                          &one,                                    //
                                          a.address(), CUDA_R_16BF, out, 0,        //
                                          x.address(), CUDA_R_16BF, in, 0, &zero,  //
                                          y.address(), CUDA_R_16BF, out, 0, 1,     //
                                          CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
               "cublasGemmStridedBatchedEx");
  // the handle outlives the backend's stream
  check_cublas(cublasSetStream(handle, nullptr), "cublasSetStream");
}
