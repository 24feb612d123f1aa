// cuBLAS by oneDNN's sgemm. bf16 is widened to float, multiplied and added up in float, and rounded
// at the end.
#include <cublas_v2.h>
#include <dnnl.h>

#include <bit>
#include <set>
#include <vector>

#include "common/base/bfloat16.h"
#include "fault.h"
#include "leaks.h"
#include "memory.h"
#include "stream.h"

using namespace emulated_gpu;
using shard::BFloat16;

struct cublasContext {
  cudaStream_t stream = nullptr;
};

namespace {

constexpr int version = 130100;

std::set<cublasHandle_t>& handles() {
  static auto& all = *new std::set<cublasHandle_t>;
  return all;
}

/// A batch of column-major matrices in device memory.
template <class Address>
struct Matrices {
  Address address;
  cudaDataType_t type;
  int rows, columns, leading;  // as stored
  long long stride;            // from one matrix of the batch to the next, in elements

  size_t element() const { return type == CUDA_R_32F ? sizeof(float) : sizeof(BFloat16); }
  size_t bytes(int batch) const {
    if (rows == 0 || columns == 0 || batch == 0) return 0;
    const auto last = static_cast<size_t>(batch - 1) * static_cast<size_t>(stride) +
                      static_cast<size_t>(columns - 1) * static_cast<size_t>(leading) +
                      static_cast<size_t>(rows);
    return last * element();
  }
  Address at(long long offset) const {
    using Byte =
        std::conditional_t<std::is_const_v<std::remove_pointer_t<Address>>, const char, char>;
    return static_cast<Byte*>(address) + offset * static_cast<long long>(element());
  }
};
using Factor = Matrices<const void*>;
using Result = Matrices<void*>;

struct Product {
  bool transposed_a, transposed_b;
  int m, n, k;
  float alpha, beta;
  Factor a, b;
  Result c;
  int batch;
  bool tf32;
};

/// 10 bits of mantissa remain.
float rounded_to_tf32(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7F800000u) == 0x7F800000u) return x;
  return std::bit_cast<float>((bits + 0xFFFu + (bits >> 13 & 1u)) & ~0x1FFFu);
}

/// One matrix of the batch as floats without gaps: [rows × columns], column-major.
template <class Address>
std::vector<float> widened(const Matrices<Address>& x, int index, bool tf32) {
  std::vector<float> floats(static_cast<size_t>(x.rows) * static_cast<size_t>(x.columns));
  size_t to = 0;
  for (int column = 0; column < x.columns; ++column) {
    const void* from = x.at(index * x.stride + static_cast<long long>(column) * x.leading);
    for (int row = 0; row < x.rows; ++row) {
      const float value = x.type == CUDA_R_32F ? static_cast<const float*>(from)[row]
                                               : float(static_cast<const BFloat16*>(from)[row]);
      floats[to++] = tf32 ? rounded_to_tf32(value) : value;
    }
  }
  return floats;
}

/// C ← alpha·A·B + beta·C, column-major. oneDNN is row-major: in the same memory it sees Cᵀ, and Cᵀ
/// = Bᵀ·Aᵀ.
void multiply(const Product& p, const float* a, int lda, const float* b, int ldb, float* c,
              int ldc) {
  const dnnl_status_t status = dnnl_sgemm(p.transposed_b ? 'T' : 'N', p.transposed_a ? 'T' : 'N',
                                          p.n, p.m, p.k, p.alpha, b, ldb, a, lda, p.beta, c, ldc);
  if (status != dnnl_success)
    fail(text("dnnl_sgemm refuses the product: status ", static_cast<int>(status)));
}

void multiply_floats(const Product& p, int index) {
  multiply(p, static_cast<const float*>(p.a.at(index * p.a.stride)), p.a.leading,
           static_cast<const float*>(p.b.at(index * p.b.stride)), p.b.leading,
           static_cast<float*>(p.c.at(index * p.c.stride)), p.c.leading);
}

void multiply_widened(const Product& p, int index) {
  const std::vector<float> a = widened(p.a, index, p.tf32), b = widened(p.b, index, p.tf32);
  std::vector<float> c;
  if (p.beta != 0.0f) c = widened(p.c, index, false);
  c.resize(static_cast<size_t>(p.m) * static_cast<size_t>(p.n));
  multiply(p, a.data(), p.a.rows, b.data(), p.b.rows, c.data(), p.m);
  const float* from = c.data();
  for (int column = 0; column < p.n; ++column) {
    void* to = p.c.at(index * p.c.stride + static_cast<long long>(column) * p.c.leading);
    for (int row = 0; row < p.m; ++row) {
      const float value = *from++;
      if (p.c.type == CUDA_R_32F) {
        static_cast<float*>(to)[row] = value;
      } else {
        static_cast<BFloat16*>(to)[row] = value;
      }
    }
  }
}

/// What cuBLAS does where nothing is multiplied: C ← beta·C.
void scale(const Product& p, int index) {
  for (int column = 0; column < p.n; ++column) {
    void* to = p.c.at(index * p.c.stride + static_cast<long long>(column) * p.c.leading);
    for (int row = 0; row < p.m; ++row) {
      if (p.c.type == CUDA_R_32F) {
        float& c = static_cast<float*>(to)[row];
        c = p.beta == 0.0f ? 0.0f : p.beta * c;
      } else {
        BFloat16& c = static_cast<BFloat16*>(to)[row];
        c = p.beta == 0.0f ? 0.0f : p.beta * float(c);
      }
    }
  }
}

void run(const Product& p) {
  const bool multiplies = p.k > 0 && p.alpha != 0.0f;
  const auto check = [&](const char* name, const auto& matrices) {
    const size_t bytes = matrices.bytes(p.batch);
    if (bytes > 0 && !device_memory().holds(matrices.address, bytes)) {
      fail(text("the ", bytes, " bytes of ", name,
                " are not within an allocation of device memory"));
    }
    // oneDNN's threads cannot bear the signal with which it comes otherwise
    device_memory().admit(matrices.address);
  };
  if (multiplies) check("A", p.a);
  if (multiplies) check("B", p.b);
  check("C", p.c);
  const bool floats = p.a.type == CUDA_R_32F && p.c.type == CUDA_R_32F && !p.tf32;
  for (int index = 0; index < p.batch; ++index) {
    if (!multiplies) {
      scale(p, index);
    } else if (floats) {
      multiply_floats(p, index);
    } else {
      multiply_widened(p, index);
    }
  }
}

bool has_valid_sizes(const Product& p) {
  if (p.m < 0 || p.n < 0 || p.k < 0 || p.batch < 0) return false;
  return p.a.leading >= std::max(1, p.a.rows) && p.b.leading >= std::max(1, p.b.rows) &&
         p.c.leading >= std::max(1, p.m);
}

bool has_valid_types(const Product& p) {
  const auto known = [](cudaDataType_t type) { return type == CUDA_R_32F || type == CUDA_R_16BF; };
  if (!known(p.a.type) || p.a.type != p.b.type) return false;
  return p.c.type == p.a.type || (p.a.type == CUDA_R_16BF && p.c.type == CUDA_R_32F);
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
