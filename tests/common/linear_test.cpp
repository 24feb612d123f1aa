// A linear layer's products together with what is done to their elements, against double precision:
// few rows, whole blocks of rows, and a last block that is smaller.
#include "common/tensor/linear.h"

#include <cmath>

#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;
using reference::transpose;

constexpr double tolerance = 1e-6;  // f32 sums of at most some hundred products

namespace {

Matrix column_sums(const Matrix& x) {
  Matrix sums(1, x.columns);
  for (int64_t row = 0; row < x.rows; ++row)
    for (int64_t column = 0; column < x.columns; ++column) sums(0, column) += x(row, column);
  return sums;
}

Matrix map(Matrix x, double (*function)(double)) {
  std::ranges::transform(x.values, x.values.begin(), function);
  return x;
}

Matrix elementwise_product(Matrix a, const Matrix& b) {
  std::ranges::transform(a.values, b.values, a.values.begin(), std::multiplies());
  return a;
}

void check_linear(int64_t tokens, int64_t in, int64_t out) {
  INFO(tokens, " tokens, ", in, " → ", out);
  const Matrix x = random_matrix(tokens, in, "x"), w = random_matrix(in, out, "w"),
               b = random_matrix(1, out, "b"), dy = random_matrix(tokens, out, "dy"),
               before = random_matrix(1, out, "before");
  const Tensor bias = tensor(b).reshape({out});
  CHECK(relative_error(linear(tensor(x), tensor(w), bias),
                       reference::add_bias(reference::matmul(x, w), b)) < tolerance);
  CHECK(relative_error(gelu_matmul(tensor(x), tensor(w)),
                       reference::matmul(reference::gelu(x), w)) < tolerance);

  Tensor dbias = tensor(before).reshape({out});
  const Matrix dx = reference::matmul(dy, transpose(w));
  CHECK(relative_error(linear_backward(tensor(dy), tensor(w), dbias), dx) < tolerance);
  CHECK(relative_error(dbias, reference::add(column_sums(dy), before)) < tolerance);
  CHECK(relative_error(linear_backward(tensor(dy), tensor(w)), dx) < tolerance);

  const Matrix before_in = random_matrix(1, in, "before in"), v = random_matrix(out, in + 3, "v"),
               du = elementwise_product(dx, map(x, gelu_derivative<double>));
  Tensor dbias_in = tensor(before_in).reshape({in});
  const GeluBackward backward = gelu_matmul_backward(tensor(dy), tensor(w), tensor(x), dbias_in);
  CHECK(relative_error(backward.activated, reference::gelu(x)) < tolerance);
  CHECK(relative_error(backward.du, du) < tolerance);
  CHECK(relative_error(dbias_in, reference::add(column_sums(du), before_in)) < tolerance);

  const Matrix u = reference::add_bias(reference::matmul(x, w), b);
  const LinearGelu both = linear_gelu_matmul(tensor(x), tensor(w), bias, tensor(v));
  CHECK(relative_error(both.u, u) < tolerance);
  CHECK(relative_error(both.y, reference::matmul(reference::gelu(u), v)) < tolerance);

  const Matrix dw = random_matrix(in, out, "dw");
  Tensor dweight = tensor(dw);
  dbias = tensor(before).reshape({out});
  add_linear_gradients(dweight, dbias, tensor(x), tensor(dy));
  CHECK(relative_error(dweight, reference::add(dw, reference::matmul(transpose(x), dy))) <
        tolerance);
  CHECK(relative_error(dbias, reference::add(column_sums(dy), before)) < tolerance);
}

}  // namespace

TEST_CASE("linear layers in one operation: values and gradients") {
  check_linear(1, 5, 3);
  check_linear(63, 16, 40);
  check_linear(64, 33, 17);
  check_linear(64 * 5 + 7, 21, 50);
}

TEST_CASE("linear: one launch on a GPU where rows are multiples of 16 bytes, else two") {
  const int64_t on_gpu = backend().device() == Device::cuda ? 1 : 0;
  for (const auto& [out, expected] : {std::pair{40, on_gpu}, {42, 2 * on_gpu}}) {
    INFO(out, " columns");
    const Tensor x = tensor(random_matrix(9, 16, "x")), w = tensor(random_matrix(16, out, "w")),
                 bias = tensor(random_matrix(1, out, "b")).reshape({out});
    const int64_t before = backend().launches();
    linear(x, w, bias);
    CHECK(backend().launches() - before == expected);
  }
}

TEST_CASE("linear_into: rows of a larger matrix become the layer's output, whatever they held") {
  for (const int64_t tokens : {3, 70}) {
    const Tensor x = tensor(random_matrix(tokens, 16, "x")), w = tensor(random_matrix(16, 8, "w")),
                 bias = tensor(random_matrix(1, 8, "b")).reshape({8});
    const Tensor whole = Tensor::full(backend(), {tokens + 2, 8}, NAN);
    linear_into(whole.slice({1, tokens + 1}), x, w, bias);
    CHECK(whole.slice({1, tokens + 1}).to_host() == linear(x, w, bias).to_host());
    for (const Range around : {Range{0, 1}, {tokens + 1, tokens + 2}})
      for (const float value : whole.slice(around).to_host()) CHECK(std::isnan(value));
    CHECK(message_of([&] { linear_into(whole, x, w, bias); }) ==
          text("linear_into: [", tokens, " × 16] times [16 × 8] does not fit into [", tokens + 2,
               " × 8]"));
  }
}

TEST_CASE("linear layers in one operation: no rows") {
  Tensor dbias = Tensor::full(backend(), {3}, 2.0f), five = Tensor::full(backend(), {5}, 2.0f);
  const Tensor none(backend(), {0, 3}), weight = Tensor::zeros(backend(), {5, 3});
  CHECK(linear_backward(none, weight, dbias).shape() == Shape{0, 5});
  CHECK(dbias.to_host() == std::vector<float>(3, 2.0f));
  const Tensor empty(backend(), {0, 5});
  CHECK(linear(empty, weight, dbias).shape() == Shape{0, 3});
  CHECK(gelu_matmul(empty, weight).shape() == Shape{0, 3});
  CHECK(gelu_matmul_backward(none, weight, empty, five).du.shape() == Shape{0, 5});
  CHECK(linear_gelu_matmul(empty, weight, dbias, weight.reshape({3, 5})).y.shape() == Shape{0, 5});
  Tensor dweight = Tensor::full(backend(), {5, 3}, 2.0f);
  add_linear_gradients(dweight, dbias, empty, none);
  CHECK(five.to_host() == std::vector<float>(5, 2.0f));
  CHECK(dbias.to_host() == std::vector<float>(3, 2.0f));
  CHECK(dweight.to_host() == std::vector<float>(15, 2.0f));
}

TEST_CASE("linear layers in one operation: factors that do not fit are refused") {
  const Tensor x(backend(), {4, 5}), w(backend(), {5, 3}), bias(backend(), {3}),
      dy(backend(), {4, 3});
  Tensor dbias(backend(), {5});
  CHECK(message_of([&] { linear(x, dy, bias); }) == "linear: [4 × 5] times [4 × 3]");
  CHECK(contains(message_of([&] { linear(x, w, dbias); }), "linear: the bias"));
  CHECK(message_of([&] { linear_backward(x, w, dbias); }) ==
        "linear_backward: [4 × 5] times [5 × 3] transposed");
  CHECK(contains(message_of([&] { linear_backward(dy, w, dbias); }),
                 "linear_backward: the bias's gradient"));
  CHECK(message_of([&] { gelu_matmul(dy, w); }) == "gelu_matmul: [4 × 3] times [5 × 3]");
  CHECK(message_of([&] { gelu_matmul_backward(dy, w, dy, dbias); }) ==
        "gelu_matmul_backward: u of shape [4 × 3] for a gradient of 4 × 5");
  Tensor dw(backend(), {5, 3}), three(backend(), {3});
  CHECK(contains(message_of([&] { gelu_matmul_backward(dy, w, x, three); }),
                 "gelu_matmul_backward: the bias's gradient"));
  CHECK(message_of([&] { linear_gelu_matmul(x, w, bias, w); }) ==
        "linear_gelu_matmul: [5 × 3] times [5 × 3]");
  CHECK(contains(message_of([&] {
                   linear_gelu_matmul(x, w, dbias, dw.reshape({3, 5}));
                 }),
                 "linear_gelu_matmul: the bias"));
  CHECK(message_of([&] { add_linear_gradients(dw, three, dy, x); }) ==
        "add_linear_gradients: [4 × 3] transposed times [4 × 5] was added to [5 × 3]");
  CHECK(contains(message_of([&] { add_linear_gradients(dw, dbias, x, dy); }),
                 "add_linear_gradients: the bias's gradient"));
}
