// Products by cuBLASLt against double precision, and what it refuses.
#include <cmath>
#include <optional>

#include "common/base/bfloat16.h"
#include "common/base/formulas.h"
#include "common/cuda/lt_products.h"
#include "tests/emulated_gpu/device_array.h"

using namespace shard;

namespace {

template <class T>
constexpr cudaDataType_t type_of = std::is_same_v<T, float> ? CUDA_R_32F : CUDA_R_16BF;

/// A column-major matrix of pseudo-random numbers, with `gap` elements of NaN after each column and
/// `offset` before the first.
template <class T>
struct Stored {
  int64_t rows, columns, leading, offset;
  std::vector<T> values;

  Stored(int64_t the_rows, int64_t the_columns, int64_t gap, int64_t the_offset, int seed)
      : rows(the_rows), columns(the_columns), leading(the_rows + gap), offset(the_offset) {
    values.assign(static_cast<size_t>(offset + leading * columns), T(NAN));
    for (int64_t column = 0; column < columns; ++column) {
      for (int64_t row = 0; row < rows; ++row)
        at(row, column) = T(std::sin(static_cast<float>(seed + 7 * row + 13 * column)));
    }
  }
  T& at(int64_t row, int64_t column) {
    return values[static_cast<size_t>(offset + column * leading + row)];
  }
  LtMatrix on(const DeviceArray<T>& device) const {
    return {device.data() + offset, type_of<T>, rows, columns, leading};
  }
};

struct Case {
  bool a_transposed = false, b_transposed = false, has_bias = false;
  float beta = 0;
  int64_t gap = 8, offset = 0;
};

constexpr int64_t m = 24, n = 5, k = 16;
constexpr double one_rounding = 1.0 / 32;  // of a number of bf16 below 16

/// The largest error of op(A)·op(B) + beta·D + bias; nothing if the product was refused, and then D
/// is checked to be as it was.
template <class In, class Out>
std::optional<double> error_of(LtProducts& products, const Case& of) {
  Stored<In> a(of.a_transposed ? k : m, of.a_transposed ? m : k, of.gap, of.offset, 1),
      b(of.b_transposed ? n : k, of.b_transposed ? k : n, of.b_transposed ? of.gap + 3 : of.gap,
        of.offset, 2);
  Stored<Out> d(m, n, of.gap, of.offset, 3), bias(m, 1, 0, 0, 4);
  if (of.beta == 0.0f) d.values.assign(d.values.size(), Out(NAN));
  const DeviceArray<In> device_a(a.values), device_b(b.values);
  const DeviceArray<Out> device_d(d.values), device_bias(bias.values);
  const bool done = products.multiply({.a = a.on(device_a),
                                       .b = b.on(device_b),
                                       .d = d.on(device_d),
                                       .a_transposed = of.a_transposed,
                                       .b_transposed = of.b_transposed,
                                       .beta = of.beta,
                                       .end = {of.has_bias ? LtEpilogue::bias : LtEpilogue::none,
                                               of.has_bias ? device_bias.data() : nullptr}});
  Stored<Out> result = d;
  result.values = device_d.to_host();
  double error = 0;
  for (int64_t column = 0; column < n; ++column) {
    for (int64_t row = 0; row < m; ++row) {
      double sum = of.beta == 0.0f ? 0.0 : double(of.beta) * double(float(d.at(row, column)));
      if (of.has_bias) sum += double(float(bias.at(row, 0)));
      for (int64_t j = 0; j < k; ++j) {
        sum += double(float(of.a_transposed ? a.at(j, row) : a.at(row, j))) *
               double(float(of.b_transposed ? b.at(column, j) : b.at(j, column)));
      }
      if (!done) sum = double(float(d.at(row, column)));
      const double off = std::fabs(double(float(result.at(row, column))) - sum);
      if (!(off <= error) && (done || of.beta != 0.0f)) error = off;  // NaN, too
    }
    if (of.gap > 0) CHECK(std::isnan(float(result.at(m, column))));  // gaps are left alone
  }
  CHECK(error == (done ? error : 0.0));
  return done ? std::optional(error) : std::nullopt;
}

}  // namespace

TEST_CASE("products of cuBLASLt agree with double precision, with and without a bias") {
  const Stream stream(Stream::Priority::normal);
  LtProducts products(stream);
  for (int round = 0; round < 2; ++round) {  // the second with the algorithms of the first
    for (const bool ta : {false, true}) {
      for (const bool tb : {false, true}) {
        for (const bool bias : {false, true}) {
          for (const float beta : {0.0f, 1.0f}) {
            CAPTURE(ta);
            CAPTURE(tb);
            CAPTURE(bias);
            CAPTURE(beta);
            const Case of{ta, tb, bias, beta};
            CHECK(error_of<float, float>(products, of).value_or(INFINITY) < 2e-6);
            CHECK(error_of<BFloat16, float>(products, of).value_or(INFINITY) < 2e-6);
            CHECK(error_of<BFloat16, BFloat16>(products, of).value_or(INFINITY) <= one_rounding);
          }
        }
      }
    }
  }
}

TEST_CASE("a shape is one thing, the alignment of its addresses another") {
  const Stream stream(Stream::Priority::normal);
  LtProducts products(stream);
  for (const int64_t offset : {0, 8, 16, 64, 0, 8}) {
    CAPTURE(offset);
    const Case of{.offset = offset};
    CHECK(error_of<BFloat16, BFloat16>(products, of).value_or(INFINITY) <= one_rounding);
  }
}

TEST_CASE("addresses and rows that are no multiples of 16 bytes are left to others") {
  const Stream stream(Stream::Priority::normal);
  LtProducts products(stream);
  CHECK_FALSE(error_of<BFloat16, BFloat16>(products, {.beta = 1, .gap = 4}));
  CHECK_FALSE(error_of<BFloat16, BFloat16>(products, {.beta = 1, .offset = 4}));
  CHECK_FALSE(error_of<float, float>(products, {.beta = 1, .gap = 2}));
  CHECK_FALSE(error_of<float, float>(products, {.beta = 1, .offset = 1}));
}

namespace {

/// The errors of D, of the vector and of the matrix after a product with this epilogue.
struct EpilogueErrors {
  double d = 0, vector = 0, matrix = 0;
};

template <class Out>
EpilogueErrors errors_of(LtProducts& products, LtEpilogue epilogue, bool transposed, float beta) {
  Stored<BFloat16> a(transposed ? k : m, transposed ? m : k, 8, 0, 1), b(k, n, 8, 0, 2);
  Stored<Out> d(m, n, 8, 0, 3), vector(m, 1, 0, 0, 4), matrix(m, n, 8, 0, 5);
  const DeviceArray<BFloat16> device_a(a.values), device_b(b.values);
  const DeviceArray<Out> device_d(d.values), device_vector(vector.values),
      device_matrix(matrix.values);
  const bool has_matrix = epilogue != LtEpilogue::sums_of_a;
  CHECK(products.multiply(
      {.a = a.on(device_a),
       .b = b.on(device_b),
       .d = d.on(device_d),
       .a_transposed = transposed,
       .beta = beta,
       .end = {epilogue, device_vector.data(), has_matrix ? device_matrix.data() : nullptr}}));
  Stored<Out> new_d = d, new_vector = vector, new_matrix = matrix;
  new_d.values = device_d.to_host();
  new_vector.values = device_vector.to_host();
  new_matrix.values = device_matrix.to_host();
  EpilogueErrors errors;
  const auto compare = [](double& error, Out got, double expected) {
    const double off = std::fabs(double(float(got)) - expected);
    if (!(off <= error)) error = off;
  };
  for (int64_t row = 0; row < m; ++row) {
    double sum_of_d = 0, sum_of_a = 0;
    const auto a_at = [&](int64_t j) {
      return double(float(transposed ? a.at(j, row) : a.at(row, j)));
    };
    for (int64_t j = 0; j < k; ++j) sum_of_a += a_at(j);
    for (int64_t column = 0; column < n; ++column) {
      double sum = beta == 0.0f ? 0.0 : double(beta) * double(float(d.at(row, column)));
      for (int64_t j = 0; j < k; ++j) sum += a_at(j) * double(float(b.at(j, column)));
      const double at = double(float(matrix.at(row, column)));
      if (epilogue == LtEpilogue::gelu) {
        sum += double(float(vector.at(row, 0)));
        compare(errors.matrix, new_matrix.at(row, column), sum);
        sum = gelu(sum);
      }
      if (epilogue == LtEpilogue::gelu_backward) {
        compare(errors.matrix, new_matrix.at(row, column), at);
        sum *= gelu_derivative(at);
        sum_of_d += sum;
      }
      compare(errors.d, new_d.at(row, column), sum);
    }
    if (epilogue != LtEpilogue::gelu) {
      compare(errors.vector, new_vector.at(row, 0),
              epilogue == LtEpilogue::gelu_backward ? sum_of_d : sum_of_a);
    }
  }
  return errors;
}

}  // namespace

TEST_CASE("epilogues: GeLU and its derivative, and sums, which replace what was there") {
  const Stream stream(Stream::Priority::normal);
  LtProducts products(stream);
  for (int round = 0; round < 2; ++round) {
    for (const bool transposed : {false, true}) {
      CAPTURE(transposed);
      for (const LtEpilogue epilogue : {LtEpilogue::gelu, LtEpilogue::gelu_backward}) {
        const EpilogueErrors of = errors_of<BFloat16>(products, epilogue, transposed, 0.0f);
        CHECK(of.d <= one_rounding);
        CHECK(of.vector <= 2 * one_rounding);  // sums of up to 5 numbers
        CHECK(of.matrix <= (epilogue == LtEpilogue::gelu ? one_rounding : 0.0));
        const EpilogueErrors in_f32 = errors_of<float>(products, epilogue, transposed, 0.0f);
        CHECK(in_f32.d <= 4e-6);
        CHECK(in_f32.vector <= 1e-5);
        CHECK(in_f32.matrix <= 4e-6);
      }
      for (const float beta : {0.0f, 1.0f}) {  // it is for D: sums are not added to the vector
        const EpilogueErrors of =
            errors_of<float>(products, LtEpilogue::sums_of_a, transposed, beta);
        CHECK(of.d <= 4e-6);
        CHECK(of.vector <= 4e-6);
      }
    }
  }
}

TEST_CASE("epilogues: what cuBLASLt refuses") {
  cublasLtHandle_t handle = nullptr;
  cublasLtMatrixLayout_t square = nullptr, column = nullptr;
  cublasLtMatmulPreference_t preference = nullptr;
  check_cublas(cublasLtCreate(&handle), "cublasLtCreate");
  check_cublas(cublasLtMatrixLayoutCreate(&square, CUDA_R_16BF, 16, 16, 16), "create");
  check_cublas(cublasLtMatrixLayoutCreate(&column, CUDA_R_16BF, 16, 1, 16), "create");
  check_cublas(cublasLtMatmulPreferenceCreate(&preference), "create");
  const DeviceArray<BFloat16> memory(512);
  struct Wish {
    cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
    const void *vector = nullptr, *matrix = nullptr;
    int64_t leading = 16;
    int32_t type = CUDA_R_16BF;
    bool inner_is_one = false;
  };
  const auto status = [&](const Wish& wish) {
    cublasLtMatmulDesc_t of = nullptr;
    check_cublas(cublasLtMatmulDescCreate(&of, CUBLAS_COMPUTE_32F, CUDA_R_32F), "create");
    const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
      check_cublas(cublasLtMatmulDescSetAttribute(of, attribute, &value, sizeof value), "set");
    };
    const cublasOperation_t transposed = CUBLAS_OP_T;
    set(CUBLASLT_MATMUL_DESC_TRANSB, transposed);
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, wish.epilogue);
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, wish.vector);
    set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, wish.matrix);
    set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, wish.leading);
    set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE, wish.type);
    cublasLtMatmulHeuristicResult_t best{};
    int found = 0;
    const auto factor = wish.inner_is_one ? column : square;
    const cublasStatus_t result = cublasLtMatmulAlgoGetHeuristic(
        handle, of, factor, factor, square, square, preference, 1, &best, &found);
    CHECK((found == 1) == (result == CUBLAS_STATUS_SUCCESS));
    cublasLtMatmulDescDestroy(of);
    return result;
  };
  const void *const vector = memory.data(), *const matrix = memory.data() + 256;
  for (const cublasLtEpilogue_t epilogue :
       {CUBLASLT_EPILOGUE_GELU_AUX_BIAS, CUBLASLT_EPILOGUE_DGELU_BGRAD}) {
    const Wish good{epilogue, vector, matrix};
    CHECK(status(good) == CUBLAS_STATUS_SUCCESS);
    Wish bad = good;
    bad.vector = nullptr;
    CHECK(status(bad) == CUBLAS_STATUS_INVALID_VALUE);
    bad = good, bad.matrix = nullptr;
    CHECK(status(bad) == CUBLAS_STATUS_INVALID_VALUE);
    for (const int64_t leading : {0, 8, 20}) {  // not set, fewer than rows, no multiple of 8
      bad = good, bad.leading = leading;
      CHECK(status(bad) == CUBLAS_STATUS_INVALID_VALUE);
    }
    bad = good, bad.type = CUDA_R_32F;
    CHECK(status(bad) == CUBLAS_STATUS_NOT_SUPPORTED);
  }
  CHECK(status({CUBLASLT_EPILOGUE_BGRADA}) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(status({CUBLASLT_EPILOGUE_BGRADA, vector}) == CUBLAS_STATUS_SUCCESS);
  Wish one{CUBLASLT_EPILOGUE_DGELU_BGRAD, vector, matrix};
  one.inner_is_one = true;
  CHECK(status(one) == CUBLAS_STATUS_NOT_SUPPORTED);
  one.epilogue = CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
  CHECK(status(one) == CUBLAS_STATUS_SUCCESS);
  cublasLtMatmulPreferenceDestroy(preference);
  cublasLtMatrixLayoutDestroy(column);
  cublasLtMatrixLayoutDestroy(square);
  cublasLtDestroy(handle);
}

TEST_CASE("cuBLASLt refuses an algorithm for another shape, and a workspace that is too small") {
  cublasLtHandle_t handle = nullptr;
  cublasLtMatmulDesc_t description = nullptr;
  cublasLtMatrixLayout_t square = nullptr, wide = nullptr;
  cublasLtMatmulPreference_t preference = nullptr;
  check_cublas(cublasLtCreate(&handle), "cublasLtCreate");
  check_cublas(cublasLtMatmulDescCreate(&description, CUBLAS_COMPUTE_32F, CUDA_R_32F), "create");
  check_cublas(cublasLtMatrixLayoutCreate(&square, CUDA_R_32F, 8, 8, 8), "create");
  check_cublas(cublasLtMatrixLayoutCreate(&wide, CUDA_R_32F, 8, 16, 8), "create");
  check_cublas(cublasLtMatmulPreferenceCreate(&preference), "create");
  const uint64_t bytes = 1 << 20;
  check_cublas(cublasLtMatmulPreferenceSetAttribute(
                   preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes, sizeof bytes),
               "set");
  cublasLtMatmulHeuristicResult_t best{};
  int found = 0;
  const auto choose = [&](cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t d) {
    return cublasLtMatmulAlgoGetHeuristic(handle, description, square, b, d, d, preference, 1,
                                          &best, &found);
  };
  CHECK(choose(wide, square) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(found == 0);
  CHECK(choose(square, square) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(found == 1);
  const DeviceArray<float> x(256), workspace(bytes / sizeof(float));
  const float one = 1, zero = 0;
  const auto multiply = [&](cublasLtMatrixLayout_t b, const cublasLtMatmulAlgo_t* algorithm,
                            size_t workspace_bytes, int64_t offset = 0) {
    return cublasLtMatmul(handle, description, &one, x.data() + offset, square, x.data(), b, &zero,
                          x.data() + 128, b, x.data() + 128, b, algorithm, workspace.data(),
                          workspace_bytes, nullptr);
  };
  CHECK(multiply(square, &best.algo, bytes) == CUBLAS_STATUS_SUCCESS);
  CHECK(multiply(wide, &best.algo, bytes) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(multiply(square, nullptr, bytes) == CUBLAS_STATUS_NOT_SUPPORTED);
  CHECK(multiply(square, &best.algo, best.workspaceSize - 1) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(multiply(square, &best.algo, bytes, 1) == CUBLAS_STATUS_INVALID_VALUE);  // 4-byte aligned
  check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  cublasLtMatmulPreferenceDestroy(preference);
  cublasLtMatrixLayoutDestroy(wide);
  cublasLtMatrixLayoutDestroy(square);
  cublasLtMatmulDescDestroy(description);
  cublasLtDestroy(handle);
}
