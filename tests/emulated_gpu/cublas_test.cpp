// cuBLAS against double precision: all transpositions, gaps between columns and matrices, types and
// factors.
#include <omp.h>

#include <cmath>

#include "common/base/bfloat16.h"
#include "tests/emulated_gpu/device_array.h"

using namespace shard;

namespace {

class Handle {
 public:
  Handle() {
    check_cublas(cublasCreate(&handle_), "cublasCreate");
    check_cublas(cublasSetStream(handle_, stream_), "cublasSetStream");
  }
  ~Handle() { cublasDestroy(handle_); }
  operator cublasHandle_t() const { return handle_; }
  cudaStream_t stream() const { return stream_; }

 private:
  Stream stream_{Stream::Priority::normal};
  cublasHandle_t handle_ = nullptr;
};

/// A batch of column-major matrices with gaps, which are NaN.
template <class T>
struct Batch {
  int rows, columns, leading;
  long long stride;
  std::vector<T> values;

  Batch(int rows_, int columns_, int gap, int batch, int seed)
      : rows(rows_),
        columns(columns_),
        leading(rows_ + gap),
        stride(static_cast<long long>(leading) * columns + 3 * gap) {
    values.assign(static_cast<size_t>(stride) * static_cast<size_t>(batch), T(NAN));
    for (int i = 0; i < batch; ++i) {
      for (int column = 0; column < columns; ++column) {
        for (int row = 0; row < rows; ++row) {
          at(i, row, column) =
              T(std::sin(static_cast<float>(seed + 31 * i + 7 * row + 13 * column)));
        }
      }
    }
  }
  T& at(int i, int row, int column) {
    return values[static_cast<size_t>(i * stride + static_cast<long long>(column) * leading + row)];
  }
};

template <class T>
constexpr cudaDataType_t type_of = std::is_same_v<T, float> ? CUDA_R_32F : CUDA_R_16BF;

cublasOperation_t operation(bool transposed) { return transposed ? CUBLAS_OP_T : CUBLAS_OP_N; }

constexpr int m = 7, n = 5, k = 11, batch = 3;

/// The largest error of alpha·A·B + beta·C. With beta = 0, C is NaN before.
template <class In, class Out>
double error_of_product(bool ta, bool tb, int gap, float alpha, float beta,
                        cublasComputeType_t compute) {
  Handle handle;
  Batch<In> a(ta ? k : m, ta ? m : k, gap, batch, 1), b(tb ? n : k, tb ? k : n, gap, batch, 2);
  Batch<Out> c(m, n, gap, batch, 3);
  if (beta == 0.0f) c.values.assign(c.values.size(), Out(NAN));
  const DeviceArray<In> device_a(a.values), device_b(b.values);
  const DeviceArray<Out> device_c(c.values);
  check_cublas(cublasGemmStridedBatchedEx(handle, operation(ta), operation(tb), m, n, k, &alpha,
                                          device_a.data(), type_of<In>, a.leading, a.stride,
                                          device_b.data(), type_of<In>, b.leading, b.stride, &beta,
                                          device_c.data(), type_of<Out>, c.leading, c.stride, batch,
                                          compute, CUBLAS_GEMM_DEFAULT),
               "cublasGemmStridedBatchedEx");
  Batch<Out> result = c;
  result.values = device_c.to_host();
  double error = 0;
  for (int i = 0; i < batch; ++i) {
    for (int row = 0; row < m; ++row) {
      for (int column = 0; column < n; ++column) {
        double sum = 0;
        for (int j = 0; j < k; ++j) {
          sum += double(float(ta ? a.at(i, j, row) : a.at(i, row, j))) *
                 double(float(tb ? b.at(i, column, j) : b.at(i, j, column)));
        }
        sum = double(alpha) * sum +
              (beta == 0.0f ? 0.0 : double(beta) * double(float(c.at(i, row, column))));
        const double off = std::fabs(double(float(result.at(i, row, column))) - sum);
        if (!(off <= error)) error = off;  // NaN, too
      }
      if (gap > 0) CHECK(std::isnan(float(result.at(i, m, 0))));  // gaps are left alone
    }
  }
  return error;
}

/// C ← A·B + beta·C, or Aᵀ·B + beta·C, of one matrix of floats each.
cublasStatus_t multiply(cublasHandle_t handle, int rows, int columns, int depth, const float* a,
                        int lda, const float* b, int ldb, float beta, float* c, int ldc,
                        bool ta = false, cudaDataType_t type_of_b = CUDA_R_32F) {
  const float one = 1.0f;
  return cublasGemmStridedBatchedEx(handle, operation(ta), CUBLAS_OP_N, rows, columns, depth, &one,
                                    a, CUDA_R_32F, lda, 0, b, type_of_b, ldb, 0, &beta, c,
                                    CUDA_R_32F, ldc, 0, 1, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
}

}  // namespace

TEST_CASE("products agree with double precision") {
  for (bool ta : {false, true}) {
    for (bool tb : {false, true}) {
      for (int gap : {0, 4}) {
        for (const auto& [alpha, beta] : {std::pair{1.0f, 0.0f}, {1.0f, 1.0f}, {-0.5f, 0.25f}}) {
          CAPTURE(ta);
          CAPTURE(tb);
          CAPTURE(gap);
          CAPTURE(beta);
          CHECK(error_of_product<float, float>(ta, tb, gap, alpha, beta, CUBLAS_COMPUTE_32F) <
                2e-6);
          CHECK(error_of_product<BFloat16, float>(ta, tb, gap, alpha, beta, CUBLAS_COMPUTE_32F) <
                2e-6);
          CHECK(error_of_product<BFloat16, BFloat16>(ta, tb, gap, alpha, beta, CUBLAS_COMPUTE_32F) <
                2e-2);
        }
      }
    }
  }
}

TEST_CASE("TF32 rounds the factors, and nothing else does") {
  const double rounded =
      error_of_product<float, float>(false, false, 0, 1.0f, 0.0f, CUBLAS_COMPUTE_32F_FAST_TF32);
  CHECK((rounded > 1e-5 && rounded < 5e-3));
  CHECK(error_of_product<BFloat16, float>(false, false, 0, 1.0f, 0.0f,
                                          CUBLAS_COMPUTE_32F_FAST_TF32) < 2e-6);
}

TEST_CASE("where nothing is added up, beta·C is left") {
  Handle handle;
  const DeviceArray<float> x(4), c(std::vector<float>{1, 2, 3, 4});
  check_cublas(multiply(handle, 2, 2, 0, x.data(), 2, x.data(), 2, 3.0f, c.data(), 2),
               "cublasGemmStridedBatchedEx");
  CHECK(c.to_host() == std::vector<float>{3, 6, 9, 12});
}

TEST_CASE("products by several threads of the host") {
  const int threads_before = omp_get_max_threads();
  omp_set_num_threads(4);
  Handle handle;
  for (int i = 0; i < 300; ++i) {
    const int rows = 8 + i * 37 % 200, columns = 8 + i * 91 % 120, depth = 4 + i * 53 % 190;
    const auto size = [](int a, int b) { return static_cast<size_t>(a) * static_cast<size_t>(b); };
    const DeviceArray<float> a(std::vector<float>(size(rows, depth), 1.0f)), c(size(rows, columns));
    const DeviceArray<float> b(std::vector<float>(size(depth, columns), 1.0f));
    check_cublas(multiply(handle, rows, columns, depth, a.data(), rows, b.data(), depth, 0.0f,
                          c.data(), rows),
                 "cublasGemmStridedBatchedEx");
    const bool right =
        c.to_host() == std::vector<float>(size(rows, columns), static_cast<float>(depth));
    CHECK(right);
  }
  omp_set_num_threads(threads_before);
}

TEST_CASE("memory may be freed in the stream behind a product that uses it") {
  Handle handle;
  const float one = 1.0f;
  float* x = nullptr;
  check_cuda(cudaMallocAsync(&x, sizeof(float), handle.stream()), "cudaMallocAsync");
  check_cuda(cudaMemcpyAsync(x, &one, sizeof(float), cudaMemcpyHostToDevice, handle.stream()),
             "cudaMemcpyAsync");
  const DeviceArray<float> y(1);
  check_cublas(multiply(handle, 1, 1, 1, x, 1, x, 1, 0.0f, y.data(), 1),
               "cublasGemmStridedBatchedEx");
  check_cuda(cudaFreeAsync(x, handle.stream()), "cudaFreeAsync");
  CHECK(y.to_host() == std::vector<float>{1.0f});
}

TEST_CASE("arguments that cuBLAS refuses") {
  Handle handle;
  const DeviceArray<float> x(100);
  const auto result_of = [&](int rows, int columns, int depth, int lda, int ldb, int ldc,
                             bool ta = false) {
    return multiply(handle, rows, columns, depth, x.data(), lda, x.data(), ldb, 1.0f, x.data(), ldc,
                    ta);
  };
  CHECK(result_of(4, 3, 2, 3, 2, 4) == CUBLAS_STATUS_INVALID_VALUE);        // lda < m
  CHECK(result_of(4, 3, 2, 1, 2, 4, true) == CUBLAS_STATUS_INVALID_VALUE);  // lda < k
  CHECK(result_of(4, 3, 2, 4, 1, 4) == CUBLAS_STATUS_INVALID_VALUE);        // ldb < k
  CHECK(result_of(4, 3, 2, 4, 2, 3) == CUBLAS_STATUS_INVALID_VALUE);        // ldc < m
  CHECK(result_of(-1, 3, 2, 4, 2, 4) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(result_of(0, 3, 2, 0, 2, 1) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(result_of(0, 3, 2, 1, 2, 1) == CUBLAS_STATUS_SUCCESS);
  CHECK(multiply(handle, 2, 2, 2, x.data(), 2, x.data(), 2, 1.0f, x.data(), 2, false,
                 CUDA_R_16BF) == CUBLAS_STATUS_NOT_SUPPORTED);
  CHECK(cublasSetStream(nullptr, nullptr) == CUBLAS_STATUS_NOT_INITIALIZED);
}
