// The yardstick itself: errors are what they should be, NaN is never small, and wrong gradients are
// seen.
#include "common/check/reference.h"

#include <cmath>

#include "common/check/compare.h"
#include "tests/test_support.h"

using namespace shard;
using reference::finite_difference_error;
using reference::largest_difference;
using reference::relative_error;

static Matrix numbers(const std::vector<double>& values) {
  Matrix m(1, std::ssize(values));
  m.values = values;
  return m;
}

TEST_CASE("reference: errors") {
  const Tensor got = tensor({2}, std::vector<float>{3.0f, 4.5f});
  CHECK(relative_error(got, numbers({3, 4})) == doctest::Approx(0.5 / 5));
  CHECK(largest_difference(got, numbers({3, 4})) == 0.5);
  CHECK(relative_error(got, got) == 0.0);
  CHECK(std::isinf(relative_error(got, numbers({0, 0}))));
  CHECK(relative_error(Tensor::zeros(backend(), {2}), numbers({0, 0})) == 0.0);
  CHECK(message_of([&] { relative_error(got, numbers({1})); }) ==
        "relative_error: 2 values against 1");
  CHECK(message_of([&] { largest_difference(got, numbers({1})); }) ==
        "largest_difference: 2 values against 1");
}

TEST_CASE("reference: NaN on either side, in any place, makes the error NaN") {
  for (int place = 0; place < 3; ++place) {
    std::vector<double> values = {1, 2, 3};
    const Tensor good = tensor({3}, numbers(values));
    values[place] = NAN;
    const Tensor bad = tensor({3}, numbers(values));
    CHECK(std::isnan(relative_error(bad, numbers({1, 2, 3}))));
    CHECK(std::isnan(relative_error(good, numbers(values))));
    CHECK(std::isnan(largest_difference(bad, numbers({1, 2, 3}))));
    CHECK(std::isnan(relative_error(bad, bad)));
  }
  CHECK(std::isnan(relative_error(Tensor(backend(), {3}), numbers({1, 2, 3}))));  // never written
  CHECK(std::isnan(reference::larger(NAN, 1.0)));
  CHECK(std::isnan(reference::larger(1.0, NAN)));
  CHECK(reference::larger(1.0, 2.0) == 2.0);
  for (const std::vector<double>& errors :
       {std::vector<double>{NAN, 1, 2}, {1, NAN, 2}, {1, 2, NAN}})
    CHECK(std::isnan(reference::largest(errors)));
  CHECK(reference::largest(std::vector<double>{1, 3, 2}) == 3.0);
  CHECK(reference::largest({}) == 0.0);
}

TEST_CASE("reference: finite differences accept the right gradient and refuse others") {
  const Matrix x = random_matrix(4, 5, "x"), dy = random_matrix(4, 5, "dy");
  const auto loss = [&](const Matrix& point) { return dot(reference::gelu(point), dy); };
  std::vector<float> gradient(20);
  for (size_t i = 0; i < 20; ++i)
    gradient[i] = static_cast<float>(dy.values[i] * gelu_derivative(x.values[i]));
  const auto error = [&](const std::vector<float>& g) {
    return finite_difference_error(loss, x, g, {1, 2}, 100);
  };
  CHECK(error(gradient) < 1e-6);
  std::vector<float> wrong = gradient;
  for (float& value : wrong) value *= 1.01f;
  CHECK(error(wrong) > 0.005);
  wrong = gradient;
  wrong[7] = NAN;
  CHECK(std::isnan(error(wrong)));
  CHECK_FALSE(error(std::vector<float>(20, 0.0f)) < 1.0);
}

TEST_CASE(
    "reference: products, transposition and bias on numbers that one can check in one's head") {
  Matrix a(2, 3), b(3, 2);
  a.values = {1, 2, 3, 4, 5, 6};
  b.values = {1, 0, 2, -1, 0, 3};
  CHECK(reference::matmul(a, b).values == std::vector<double>{5, 7, 14, 13});
  CHECK(reference::transpose(a).values == std::vector<double>{1, 4, 2, 5, 3, 6});
  CHECK(reference::add_bias(a, numbers({10, 20, 30})).values ==
        std::vector<double>{11, 22, 33, 14, 25, 36});
  CHECK(reference::dot(a, a) == 91);
  CHECK(message_of([&] { reference::matmul(a, a); }) ==
        "reference::matmul: 3 columns times 2 rows");
}

TEST_CASE("reference: attention of one position returns its value; a mask of zeros returns zero") {
  const Matrix qkv = random_matrix(3, 24, "qkv");  // three sequences of one position
  const Matrix out = reference::attention(qkv, 3, 2);
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t j = 0; j < 8; ++j) CHECK(out(i, j) == doctest::Approx(qkv(i, 16 + j)));
  }
  const Matrix masked =
      reference::attention(qkv, 1, 2, [](int64_t, int64_t, int64_t) { return 0.0; });
  for (double value : masked.values) CHECK(value == 0.0);
}

TEST_CASE("reference: the first positions of attention do not see the last") {
  Matrix qkv = random_matrix(6, 24, "qkv");
  const Matrix before = reference::attention(qkv, 1, 2);
  for (int64_t j = 0; j < 24; ++j) qkv(5, j) += 1;
  const Matrix after = reference::attention(qkv, 1, 2);
  for (int64_t i = 0; i < 6; ++i) CHECK((after(i, 0) == before(i, 0)) == (i < 5));
}

TEST_CASE("same_bits: no difference is too small, and NaN is not the same as itself") {
  const Tensor x = tensor({2, 2}, {1, 0, -3, 4});
  CHECK(same_bits(x, x.clone()));
  CHECK_FALSE(same_bits(x, tensor({2, 2}, {1, 0, -3, std::nextafter(4.0f, 5.0f)})));
  CHECK_FALSE(same_bits(x, tensor({2, 2}, {1, -0.0f, -3, 4})));
  CHECK_FALSE(same_bits(x, tensor({3}, {1, 0, -3})));
  const Tensor bad = tensor({1}, {NAN});
  CHECK_FALSE(same_bits(bad, bad));
}

TEST_CASE("gradient_error compares a shard with its part of the whole") {
  Parameter whole(backend(), "w", Shard::all({4, 6}), 1, 1.0f),
      part(backend(), "w", Shard::of_rows({4, 6}, {1, 3}), 1, 1.0f);
  whole.gradient = tensor(random_matrix(4, 6, "gradient"));
  part.gradient = whole.gradient.slice({1, 3}).clone();
  CHECK(gradient_error(part, whole) == 0.0);
  part.gradient = whole.gradient.slice({0, 2}).clone();
  CHECK(gradient_error(part, whole) > 0.5);
}
