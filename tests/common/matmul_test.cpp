// Matrix products against double precision: all transpositions, odd sizes, batches, and
// accumulation.
#include <cmath>

#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;
using reference::transpose;

constexpr double tolerance = 1e-6;  // f32 sums of at most some hundred products
constexpr std::pair<bool, bool> transpositions[] = {
    {false, false}, {false, true}, {true, false}, {true, true}};

namespace {

/// A factor that is stored as it is, or transposed: the product must be the same.
struct Factor {
  Tensor stored;
  bool transposed;
  Factor(const Matrix& matrix, bool as_transposed)
      : stored(tensor(as_transposed ? transpose(matrix) : matrix)), transposed(as_transposed) {}
  Operand operand() const { return {stored, transposed}; }
};

/// A batch of random matrices [rows × columns], stored as they are or transposed.
struct BatchOfFactors {
  std::vector<Matrix> matrices;
  Tensor stored;
  bool transposed;
  BatchOfFactors(int64_t batch, int64_t rows, int64_t columns, const std::string& name,
                 bool as_transposed)
      : transposed(as_transposed) {
    std::vector<float> all;
    for (int64_t i = 0; i < batch; ++i) {
      matrices.push_back(random_matrix(rows, columns, text(name, i)));
      const std::vector<float> values =
          (transposed ? transpose(matrices.back()) : matrices.back()).floats();
      all.insert(all.end(), values.begin(), values.end());
    }
    stored = tensor(transposed ? Shape{batch, columns, rows} : Shape{batch, rows, columns}, all);
  }
  Operand operand() const { return {stored, transposed}; }
};

Matrix rows_of(const Matrix& all, Range rows) { return Matrix(tensor(all).slice(rows)); }

void check_products(int64_t m, int64_t n, int64_t k) {
  const Matrix a = random_matrix(m, k, "a"), b = random_matrix(k, n, "b"),
               c = random_matrix(m, n, "c");
  const Matrix product = reference::matmul(a, b), sum = reference::add(product, c);
  for (const auto& transposed : transpositions) {
    INFO(m, " × ", n, " × ", k, ", transposed: ", transposed.first, " ", transposed.second);
    const Factor left(a, transposed.first), right(b, transposed.second);
    CHECK(relative_error(matmul(left.operand(), right.operand()), product) < tolerance);
    Tensor accumulated = tensor(c);
    add_matmul(accumulated, left.operand(), right.operand());
    CHECK(relative_error(accumulated, sum) < tolerance);
  }
}

}  // namespace

TEST_CASE("matmul: all four combinations of transposed factors, of all kinds of sizes") {
  check_products(7, 5, 3);
  check_products(1, 9, 13);
  check_products(9, 1, 13);
  check_products(13, 9, 1);
  check_products(1, 1, 17);
  check_products(31, 33, 65);
  check_products(64, 48, 96);
  check_products(127, 3, 130);
}

TEST_CASE("matmul: few rows, which loops of our own multiply on the CPU, up to more than a few") {
  for (const int64_t m : {1, 2, 3, 5, 8, 9, 31, 32, 33}) {
    check_products(m, 83, 75);
    check_products(m, 16, 8);
    check_products(m, 1, 203);
    check_products(m, 203, 1);
  }
}

TEST_CASE("matmul: on the CPU, a row of few is the same, bit by bit, whatever the others are") {
  if (backend().device() != Device::cpu) return;
  const int64_t n = 301, k = 77;
  const Tensor x = tensor(random_matrix(32, k, "x")), b = tensor(random_matrix(k, n, "b")),
               stored = tensor(random_matrix(n, k, "stored"));
  for (const Operand& factor : {Operand(b), transposed(stored)}) {
    const Tensor all = matmul(x, factor);
    for (const Range rows : {Range{0, 1}, {31, 32}, {3, 12}, {9, 31}})
      CHECK(matmul(x.slice(rows), factor).to_host() == all.slice(rows).to_host());
  }
}

TEST_CASE("matmul: a batch is as many products") {
  const int64_t batch = 5, m = 9, n = 6, k = 11;
  for (const auto& transposed : transpositions) {
    INFO("transposed: ", transposed.first, " ", transposed.second);
    const BatchOfFactors a(batch, m, k, "a", transposed.first),
        b(batch, k, n, "b", transposed.second);
    Tensor c = matmul(a.operand(), b.operand());
    REQUIRE(c.shape() == Shape{batch, m, n});
    add_matmul(c, a.operand(), b.operand());  // twice the product
    for (int64_t i = 0; i < batch; ++i) {
      Matrix expected = reference::matmul(a.matrices[i], b.matrices[i]);
      for (double& value : expected.values) value *= 2;
      CHECK(relative_error(c.reshape({batch * m, n}).slice({i * m, (i + 1) * m}), expected) <
            tolerance);
    }
  }
}

TEST_CASE("matmul_into: rows of a larger matrix become the product, whatever they held") {
  const Tensor a = tensor(random_matrix(70, 9, "a")), b = tensor(random_matrix(9, 8, "b"));
  const Tensor whole = Tensor::full(backend(), {75, 8}, NAN);
  matmul_into(whole.slice({2, 72}), a, b);
  CHECK(whole.slice({2, 72}).to_host() == matmul(a, b).to_host());
  for (const Range around : {Range{0, 2}, {72, 75}})
    for (const float value : whole.slice(around).to_host()) CHECK(std::isnan(value));
  CHECK(message_of([&] { matmul_into(whole, a, b); }) ==
        "matmul_into: a product of shape [70 × 8] does not fit into [75 × 8]");
  CHECK(message_of([&] {
          matmul_into(indices({1, 2}).reshape({1, 2}), a, b);
        }) == "matmul_into needs a tensor of f32, not i32");
}

TEST_CASE("matmul: empty factors") {
  const Tensor none(backend(), {0, 4}), a = tensor(random_matrix(4, 3, "a"));
  CHECK(matmul(none, a).shape() == Shape{0, 3});
  const Tensor no_columns(backend(), {3, 0}), no_rows(backend(), {0, 2});
  CHECK(matmul(no_columns, no_rows).to_host() == std::vector<float>(6, 0.0f));
  Tensor c = Tensor::full(backend(), {3, 2}, 5.0f);
  add_matmul(c, no_columns, no_rows);
  CHECK(c.to_host() == std::vector<float>(6, 5.0f));
}

TEST_CASE("matmul: factors that do not fit are refused, and both are named") {
  const Tensor a(backend(), {4, 3}), b(backend(), {4, 5}), batch(backend(), {2, 4, 3}),
      other(backend(), {3, 3, 4});
  Tensor c(backend(), {3, 4});
  CHECK(message_of([&] { matmul(a, b); }) == "matmul: [4 × 3] times [4 × 5]");
  CHECK(message_of([&] { matmul(transposed(a), transposed(b)); }) ==
        "matmul: [4 × 3] transposed times [4 × 5] transposed");
  CHECK(message_of([&] { matmul(batch, other); }) == "matmul: [2 × 4 × 3] times [3 × 3 × 4]");
  CHECK(message_of([&] { matmul(batch, b); }) == "matmul: [2 × 4 × 3] times [4 × 5]");
  CHECK(message_of([&] { add_matmul(c, transposed(a), b); }) ==
        "add_matmul: a product of shape [3 × 5] was added to [3 × 4]");
  CHECK(message_of([&] {
          matmul(indices({1, 2}).reshape({1, 2}), transposed(indices({1, 2}).reshape({1, 2})));
        }) == "matmul needs a tensor of f32, not i32");
}

TEST_CASE("lower: a triangle as a factor, transposed or not, of one strip of rows and of several") {
  const int64_t batch = 3, n = 7;
  for (const int64_t size : {1, 5, 128, 129, 300}) {
    CAPTURE(size);
    Matrix triangles = random_matrix(batch * size, size, "a");
    for (int64_t i = 0; i < triangles.rows; ++i) {
      for (int64_t j = i % size + 1; j < size; ++j) triangles(i, j) = 0;
    }
    const Matrix factors = random_matrix(batch * size, n, "b");
    const Tensor a = tensor({batch, size, size}, triangles), b = tensor({batch, size, n}, factors);
    const Tensor y = matmul(lower(a), b).reshape({batch * size, n});
    const Tensor z = matmul(transposed(lower(a)), b).reshape({batch * size, n});
    for (int64_t i = 0; i < batch; ++i) {
      const Range rows{i * size, (i + 1) * size};
      const Matrix triangle = rows_of(triangles, rows), factor = rows_of(factors, rows);
      CHECK(relative_error(y.slice(rows), reference::matmul(triangle, factor)) < tolerance);
      CHECK(relative_error(z.slice(rows), reference::matmul(transpose(triangle), factor)) <
            tolerance);
    }
  }
  CHECK(message_of([] {
          lower(Tensor(backend(), {2, 3, 4}));
        }) == "lower: [2 × 3 × 4] is not square");
}

TEST_CASE("matmul: TF32 lasts as long as its scope, and scopes within scopes restore it") {
  const Tensor a = tensor(random_matrix(33, 70, "a")), b = tensor(random_matrix(70, 9, "b"));
  const auto product = [&] { return matmul(a, b).to_host(); };
  const std::vector<float> exact = product();
  {
    const Tf32Products outer(backend());
    const std::vector<float> rounded = product();
    if (backend().device() == Device::cpu) CHECK(rounded == exact);
    if (backend().computes_in(DataType::bf16)) CHECK(rounded != exact);
    {
      const Tf32Products inner(backend(), false);
      CHECK(product() == exact);
    }
    CHECK(product() == rounded);
  }
  CHECK(product() == exact);
}
