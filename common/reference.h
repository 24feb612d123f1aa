// The reference: plain loops in double precision, slow and easy to believe. Chapters and tests compare with it.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "common/random.h"
#include "common/tensor.h"

namespace shard::reference {

struct Matrix {
  int64_t rows = 0, columns = 0;
  std::vector<double> values;  // row-major

  Matrix() = default;
  Matrix(int64_t row_count, int64_t column_count)
      : rows(row_count), columns(column_count), values(static_cast<size_t>(row_count * column_count)) {}
  explicit Matrix(const Tensor& tensor);  // the elements of a f32 tensor

  double& operator()(int64_t row, int64_t column) { return values[static_cast<size_t>(row * columns + column)]; }
  double operator()(int64_t row, int64_t column) const { return values[static_cast<size_t>(row * columns + column)]; }
  std::vector<float> floats() const { return {values.begin(), values.end()}; }
};

/// deviation · normal numbers of the stream, rounded to float, so that both sides of a comparison start equal.
Matrix random_matrix(int64_t rows, int64_t columns, RandomStream random, double deviation = 1.0);
Tensor to_tensor(Backend& backend, const Matrix& matrix);

Matrix matmul(const Matrix& a, const Matrix& b);
Matrix transpose(const Matrix& a);
Matrix add(const Matrix& a, const Matrix& b);
Matrix add_bias(Matrix y, const Matrix& bias);  // bias [1 × columns]
Matrix gelu(Matrix x);
Matrix layer_norm(const Matrix& x, const Matrix& gain, const Matrix& bias, double epsilon = 1e-5);
/// Causal multi-head attention of `batch` sequences: qkv [batch·context × 3·width], columns Q, K, V, each by heads.
/// `keep`, if given, multiplies probability (row, column) of matrix b·heads + h (the dropout mask over 1 - p).
using Mask = std::function<double(int64_t matrix, int64_t row, int64_t column)>;
Matrix attention(const Matrix& qkv, int64_t batch, int64_t heads, const Mask& keep = nullptr);
/// -log softmax(logits)[target] of each row: [rows × 1].
Matrix cross_entropy(const Matrix& logits, std::span<const int32_t> targets);
/// Σ a ∘ b: with b = dY this is the loss whose gradients a backward pass computes.
double dot(const Matrix& a, const Matrix& b);

// ---- Errors: NaN anywhere makes them NaN, and NaN is within no tolerance ----------------------------------------------

/// The larger of two errors; NaN if either is (std::max would drop it).
double larger(double a, double b);
/// ‖got - expected‖ / ‖expected‖ (Frobenius norms).
double relative_error(std::span<const float> got, std::span<const double> expected);
double relative_error(const Tensor& got, const Matrix& expected);
double relative_error(const Tensor& got, const Tensor& expected);
double largest_difference(const Tensor& got, const Matrix& expected);

/// How far `gradient` is from central differences of `loss` at `samples` entries of `point`, drawn from `random`:
/// the largest |g - (loss(x+h) - loss(x-h)) / 2h|, divided by the root mean square of the gradient.
double finite_difference_error(const std::function<double(const Matrix&)>& loss, Matrix point,
                               std::span<const float> gradient, RandomStream random, int samples = 8);

}  // namespace shard::reference
