// Matrix products against double precision: all transpositions, odd sizes, batches, and accumulation.
#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;
using reference::transpose;

constexpr double tolerance = 1e-6;  // f32 sums of at most some hundred products

static Operand stored(const Tensor& matrix, bool as_transposed) { return {matrix, as_transposed}; }

/// The matrix that, used transposed or not, is `factor`.
static Tensor as_stored(const Matrix& factor, bool transposed) {
  return tensor(transposed ? transpose(factor) : factor);
}

struct Product {
  int64_t m, n, k;
};

TEST_CASE("matmul: all four combinations of transposed factors, of all kinds of sizes") {
  for (const Product& p :
       {Product{7, 5, 3}, {1, 9, 13}, {9, 1, 13}, {13, 9, 1}, {1, 1, 17}, {31, 33, 65}, {64, 48, 96}, {127, 3, 130}}) {
    const Matrix a = random_matrix(p.m, p.k, "a"), b = random_matrix(p.k, p.n, "b"), c = random_matrix(p.m, p.n, "c");
    const Matrix product = reference::matmul(a, b), sum = reference::add(product, c);
    for (bool a_transposed : {false, true}) {
      for (bool b_transposed : {false, true}) {
        INFO(p.m, " × ", p.n, " × ", p.k, ", transposed: ", a_transposed, " ", b_transposed);
        const Tensor a_stored = as_stored(a, a_transposed), b_stored = as_stored(b, b_transposed);
        CHECK(relative_error(matmul(stored(a_stored, a_transposed), stored(b_stored, b_transposed)), product) <
              tolerance);
        Tensor accumulated = tensor(c);
        add_matmul(accumulated, stored(a_stored, a_transposed), stored(b_stored, b_transposed));
        CHECK(relative_error(accumulated, sum) < tolerance);
      }
    }
  }
}

TEST_CASE("matmul: a batch is as many products") {
  const int64_t batch = 5, m = 9, n = 6, k = 11;
  for (bool a_transposed : {false, true}) {
    for (bool b_transposed : {false, true}) {
      INFO("transposed: ", a_transposed, " ", b_transposed);
      const Matrix a = random_matrix(batch, m * k, "a"), b = random_matrix(batch, k * n, "b");
      const Tensor a_stored = tensor(a_transposed ? Shape{batch, k, m} : Shape{batch, m, k}, a);
      const Tensor b_stored = tensor(b_transposed ? Shape{batch, n, k} : Shape{batch, k, n}, b);
      const Tensor c = matmul(stored(a_stored, a_transposed), stored(b_stored, b_transposed));
      REQUIRE(c.shape() == Shape{batch, m, n});
      for (int64_t i = 0; i < batch; ++i) {
        const Matrix a_i(
            a_stored.reshape({batch, m * k}).slice({i, i + 1}).reshape({a_transposed ? k : m, a_transposed ? m : k}));
        const Matrix b_i(
            b_stored.reshape({batch, k * n}).slice({i, i + 1}).reshape({b_transposed ? n : k, b_transposed ? k : n}));
        const Matrix expected =
            reference::matmul(a_transposed ? transpose(a_i) : a_i, b_transposed ? transpose(b_i) : b_i);
        CHECK(relative_error(c.reshape({batch, m * n}).slice({i, i + 1}), expected) < tolerance);
      }
    }
  }
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
  const Tensor a(backend(), {4, 3}), b(backend(), {4, 5}), batch(backend(), {2, 4, 3}), other(backend(), {3, 3, 4});
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
        }) == "matmul: a tensor of f32 belongs here, not i32");
}
