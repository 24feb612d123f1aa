// Copies, sums, columns, bias and GeLU against double precision.
#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;

constexpr double tolerance = 1e-6;

TEST_CASE("copy, fill, scale, add and accumulate") {
  const Matrix a = random_matrix(13, 7, "a"), b = random_matrix(13, 7, "b");
  Tensor x = tensor(a);
  copy(x, tensor(b));
  CHECK(x.to_host() == b.floats());
  fill(x, 3.0f);
  CHECK(x.to_host() == std::vector<float>(91, 3.0f));
  CHECK(relative_error(add(tensor(a), tensor(b)), reference::add(a, b)) < tolerance);

  Matrix scaled = a, sum = b;
  for (double& value : scaled.values) value *= -2.5;
  for (size_t i = 0; i < sum.values.size(); ++i) sum.values[i] += 0.75 * a.values[i];
  x = tensor(a);
  scale(x, -2.5f);
  CHECK(relative_error(x, scaled) < tolerance);
  x = tensor(b);
  accumulate(x, tensor(a), 0.75f);
  CHECK(relative_error(x, sum) < tolerance);
}

TEST_CASE("copy moves integers too") {
  Tensor to = indices({0, 0, 0});
  copy(to, indices({5, -6, 16777217}));
  CHECK(to.to_host_int() == std::vector<int32_t>{5, -6, 16777217});
}

TEST_CASE("columns_of and set_columns cut and paste columns") {
  const Matrix whole = random_matrix(5, 11, "whole");
  const Tensor x = tensor(whole);
  const Tensor part = columns_of(x, {4, 7});
  REQUIRE(part.shape() == Shape{5, 3});
  const Matrix got(part);
  for (int64_t i = 0; i < 5; ++i) {
    for (int64_t j = 0; j < 3; ++j) CHECK(got(i, j) == whole(i, j + 4));
  }
  Tensor copied = Tensor::zeros(backend(), {5, 11});
  for (const Range range : {Range{0, 4}, Range{4, 7}, Range{7, 11}}) {
    set_columns(copied, range.begin, columns_of(x, range));
  }
  CHECK(copied.to_host() == whole.floats());
  CHECK(columns_of(x, {11, 11}).shape() == Shape{5, 0});
}

TEST_CASE("add_bias adds to every row, add_column_sums adds the sum over rows") {
  for (const auto& [rows, columns] :
       {std::pair<int64_t, int64_t>{9, 5}, {1, 6}, {6, 1}, {300, 70}, {0, 4}}) {
    const Matrix x = random_matrix(rows, columns, "x"), bias = random_matrix(1, columns, "bias");
    Tensor y = tensor(x), sums = tensor({columns}, bias);
    add_bias(y, sums);
    CHECK(relative_error(y, reference::add_bias(x, bias)) < tolerance);
    const Matrix z = random_matrix(rows, columns, "z");
    CHECK(relative_error(add(tensor(x), tensor(z), tensor({columns}, bias)),
                         reference::add_bias(reference::add(x, z), bias)) < tolerance);
    add_column_sums(sums, tensor(x));
    const Matrix ones_times_x = reference::matmul(Matrix(1, rows), x);  // zeros, to be filled
    Matrix expected = bias;
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) expected(0, j) += x(i, j);
    }
    CHECK(relative_error(sums, expected) < tolerance);
  }
}

TEST_CASE("gelu and its derivative, from far below zero to far above") {
  Matrix x = random_matrix(21, 17, "x", 3.0);
  x(0, 0) = 0, x(0, 1) = -40, x(0, 2) = 40, x(0, 3) = 1e-20, x(0, 4) = -1000, x(0, 5) = 1000;
  const Matrix dy = random_matrix(21, 17, "dy");
  CHECK(relative_error(gelu(tensor(x)), reference::gelu(x)) < tolerance);

  const Tensor dx = gelu_backward(tensor(x), tensor(dy));
  Matrix by_formula = dy, by_differences = dy;
  for (size_t i = 0; i < x.values.size(); ++i) {
    constexpr double h = 1e-5;
    by_formula.values[i] *= gelu_derivative(x.values[i]);
    by_differences.values[i] *= (gelu(x.values[i] + h) - gelu(x.values[i] - h)) / (2 * h);
  }
  CHECK(relative_error(dx, by_formula) < tolerance);
  CHECK(relative_error(dx, by_differences) < tolerance);
}

TEST_CASE("elementwise ops: shapes that differ are refused, and both are named") {
  Tensor x(backend(), {2, 3}), y(backend(), {3, 2}), bias(backend(), {2}),
      ids = indices({1, 2, 3, 4, 5, 6});
  CHECK(message_of([&] { add(x, y); }) == "add: shapes [2 × 3] and [3 × 2] differ");
  CHECK(message_of([&] { add(x, x, bias); }) ==
        "add: the bias has shape [2], but needs 3 elements");
  CHECK(message_of([&] { accumulate(x, y); }) == "accumulate: shapes [2 × 3] and [3 × 2] differ");
  CHECK(message_of([&] { gelu_backward(x, y); }) ==
        "gelu_backward: shapes [2 × 3] and [3 × 2] differ");
  CHECK(message_of([&] { copy(x, bias); }) ==
        "copy: the source has shape [2], but needs 6 elements");
  CHECK(message_of([&] { copy(x, ids); }) == "copy: i32 into f32");
  CHECK(message_of([&] { add_bias(x, bias); }) ==
        "add_bias: the bias has shape [2], but needs 3 elements");
  CHECK(message_of([&] { add_column_sums(bias, x); }) ==
        "add_column_sums: the sum has shape [2], but needs 3 elements");
  CHECK(message_of([&] {
          columns_of(x, {2, 5});
        }) == "columns_of: columns 2 to 5 of shape [2 × 3]");
  CHECK(message_of([&] {
          columns_of(x, {2, 1});
        }) == "columns_of: columns 2 to 1 of shape [2 × 3]");
  CHECK(message_of([&] { set_columns(x, 2, x); }) ==
        "set_columns: columns 2 to 5 of shape [2 × 3]");
  CHECK(message_of([&] { set_columns(x, 0, y); }) == "set_columns: [3 × 2] into [2 × 3]");
  CHECK(message_of([&] { gelu(ids); }) == "gelu needs a tensor of f32, not i32");
  CHECK(message_of([&] { gelu(Tensor()); }) == "an empty tensor was used");
}

TEST_CASE("ops: tensors of two devices do not mix") {
  const std::unique_ptr<Backend> other = make_cpu_backend(1);
  const Tensor here = Tensor::zeros(backend(), {2}), there = Tensor::zeros(*other, {2});
  CHECK(message_of([&] { add(here, there); }) == "add: the tensors are on different devices");
}
