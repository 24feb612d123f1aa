// The ladders of chapter 01: every rung computes the same product, whatever the sizes.
// Ranks: 1.
#include "chapters/01_gemm/column_major.h"
#include "chapters/01_gemm/gemm_ladder.h"
#include "chapters/01_gemm/gpu_ladder.h"
#include "common/comm/gpu_library.h"
#include "tests/chapters/block_support.h"

using namespace shard;

/// ‖Y - X·A‖ / ‖X·A‖ of a function that writes Y, into memory that is full of NaN.
template <class Product>
static double error_of(const Product& product, int64_t tokens, int64_t in, int64_t out) {
  const Matrix x = random_matrix(tokens, in, "x"), a = random_matrix(in, out, "a");
  std::vector<float> y(static_cast<size_t>(tokens * out), NAN);
  product(tokens, in, out, x.floats().data(), a.floats().data(), y.data());
  return reference::relative_error(y, reference::matmul(x, a).values);
}

static void check_ladder(int64_t tokens, int64_t in, int64_t out) {
  INFO(tokens, " × ", in, " × ", out);
  for (const Rung& rung : ladder()) {
    INFO(rung.name);
    CHECK(error_of(rung.gemm, tokens, in, out) < tolerance);
  }
  CHECK(error_of(row_major_product, tokens, in, out) < tolerance);
}

TEST_CASE("gemm ladder: every rung, and the row-major product by a column-major function") {
  check_ladder(1, 1, 1);
  check_ladder(7, 13, 5);
  check_ladder(1, 300, 17);
  check_ladder(65, 1, 129);
  check_ladder(130, 257, 67);
  check_ladder(64, 64, 64);
}

/// `values`, at an address that is not a multiple of 16 bytes.
static Tensor off_by_one(const Matrix& matrix) {
  std::vector<float> values{NAN};
  values.insert(values.end(), matrix.values.begin(), matrix.values.end());
  const int64_t size = std::ssize(values);
  return tensor({size}, values).slice({1, size}).reshape({matrix.rows, matrix.columns});
}

static void check_gpu_ladder(int64_t tokens, int64_t in, int64_t out) {
  INFO(tokens, " × ", in, " × ", out);
  const Matrix x = random_matrix(tokens, in, "x"), a = random_matrix(in, out, "a");
  const Matrix expected = reference::matmul(x, a);
  for (const GpuRung& rung : gpu_ladder()) {
    INFO(rung.name);
    const auto gemm = gpu_function<GpuGemm>(rung.function);
    Tensor y(backend(), {tokens, out});
    gemm(tensor(x), tensor(a), y);
    CHECK(reference::relative_error(y, expected) < tolerance);
    fill(y, NAN);
    gemm(off_by_one(x), tensor(a), y);
    CHECK(reference::relative_error(y, expected) < tolerance);
  }
}

TEST_CASE(
    "the GPU's gemm ladder: every kernel, with sizes of whole vectors and tiles, and with others") {
  if (backend().device() == Device::cpu) return;
  check_gpu_ladder(1, 1, 1);
  check_gpu_ladder(7, 13, 5);
  check_gpu_ladder(1, 300, 17);
  check_gpu_ladder(65, 1, 129);
  check_gpu_ladder(130, 257, 67);
  check_gpu_ladder(132, 20, 68);
  check_gpu_ladder(128, 8, 128);
  check_gpu_ladder(256, 24, 128);
}
