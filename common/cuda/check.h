// The result of every CUDA and cuBLAS call is checked at the call.
#pragma once
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <source_location>

#include "common/base/error.h"

namespace shard {

/// Throws Error with the call's name, CUDA's own message, file and line.
inline void check_cuda(cudaError_t result, const char* call,
                       std::source_location where = std::source_location::current()) {
  if (result == cudaSuccess) return;
  cudaGetLastError();  // or the next launch would find this error and blame its own kernel
  throw Error(text(call, ": ", cudaGetErrorString(result), " (", where.file_name(), ":",
                   where.line(), ")"));
}

/// The same for cuBLAS.
inline void check_cublas(cublasStatus_t result, const char* call,
                         std::source_location where = std::source_location::current()) {
  if (result == CUBLAS_STATUS_SUCCESS) return;
  throw Error(text(call, ": ", cublasGetStatusString(result), " (", where.file_name(), ":",
                   where.line(), ")"));
}

}  // namespace shard
