// The reference: plain loops in double precision, slow but obviously correct. Chapters and tests
// compare with it.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "common/base/random.h"
#include "common/tensor/tensor.h"

namespace shard::reference {

/// A matrix in host memory.
struct Matrix {
  int64_t rows = 0, columns = 0;
  std::vector<double> values;  // row-major

  Matrix() = default;
  /// Zeros.
  Matrix(int64_t row_count, int64_t column_count)
      : rows(row_count),
        columns(column_count),
        values(static_cast<size_t>(row_count * column_count)) {}
  explicit Matrix(const Tensor& tensor);  // the elements of a f32 tensor

  /// Element (row, column), from 0; not checked.
  double& operator()(int64_t row, int64_t column) {
    return values[static_cast<size_t>(row * columns + column)];
  }
  double operator()(int64_t row, int64_t column) const {
    return values[static_cast<size_t>(row * columns + column)];
  }
  std::vector<float> floats() const { return {values.begin(), values.end()}; }  // rounded
};

/// deviation · normal numbers of the stream, rounded to float, so that both sides of a comparison
/// start with the same values.
Matrix random_matrix(int64_t rows, int64_t columns, RandomStream random, double deviation = 1.0);
/// An f32 tensor of these values, rounded.
Tensor to_tensor(Backend& backend, const Matrix& matrix);

// Each throws Error if shapes do not fit.

Matrix matmul(const Matrix& a, const Matrix& b);  // a·b: [m × k] · [k × n] → [m × n]
Matrix transpose(const Matrix& a);                // [m × n] → [n × m]
Matrix add(const Matrix& a, const Matrix& b);     // a + b, of the same shape
Matrix add_bias(Matrix y, const Matrix& bias);    // y with bias [1 × columns] added to every row
Matrix gelu(Matrix x);                            // gelu of formulas.h for every element
/// Every row of x normalised, times gain [1 × columns], plus bias [1 × columns] (Ba et al.,
/// arXiv:1607.06450).
Matrix layer_norm(const Matrix& x, const Matrix& gain, const Matrix& bias, double epsilon = 1e-5);
/// For attention: a factor for probability (row, column) of matrix b·heads + h, for example a
/// dropout mask divided by 1 - p.
using Mask = std::function<double(int64_t matrix, int64_t row, int64_t column)>;
/// Causal multi-head attention of `batch` sequences: qkv [batch·context × 3·width], columns Q, K,
/// V, each by heads, → [batch·context × width] (Vaswani et al., arXiv:1706.03762, section 3.2).
/// The probabilities are multiplied by `keep`, if given.
Matrix attention(const Matrix& qkv, int64_t batch, int64_t heads, const Mask& keep = nullptr);
/// -log softmax(logits)[target] of each row: [rows × 1].
Matrix cross_entropy(const Matrix& logits, std::span<const int32_t> targets);
/// Each row's exp(x) / Σ exp(x).
Matrix softmax(const Matrix& x);
/// What a router decides for a token: experts, the first chosen first, and the weights of their
/// outputs.
struct Choice {
  std::vector<int64_t> experts;
  std::vector<double> weights;
};
/// For each row of logits [tokens × experts]: the k experts of the largest probability + bias [1 ×
/// experts] (of equal ones the first), weighted by their probabilities, or, `renormalised`, by
/// these divided by their sum.
std::vector<Choice> route(const Matrix& logits, const Matrix& bias, int64_t k, bool renormalised);
/// Σ a ∘ b: with b = dY this is the loss whose gradients a backward pass computes.
double dot(const Matrix& a, const Matrix& b);

// ---- Errors: NaN anywhere makes them NaN, which exceeds every tolerance -------------------------

/// The larger of two errors; NaN if either is (std::max would drop it).
double larger(double a, double b);
/// The largest of several errors, 0 of none; NaN if one is.
double largest(std::span<const double> errors);
/// ‖got - expected‖ / ‖expected‖ (Frobenius norms).
/// Throws Error if their numbers of elements differ.
double relative_error(std::span<const float> got, std::span<const double> expected);
/// The same for an f32 tensor and a matrix.
double relative_error(const Tensor& got, const Matrix& expected);
/// The same for two f32 tensors.
double relative_error(const Tensor& got, const Tensor& expected);
/// |got / expected - 1|; 0 if they are equal, even if both are 0.
double relative_error(double got, double expected);
/// max |got - expected| over all elements.
double largest_difference(const Tensor& got, const Matrix& expected);

/// The error of `gradient` against central differences of `loss` at `samples` entries of `point`,
/// chosen by `random`: the largest |g - (loss(x+h) - loss(x-h)) / 2h|, divided by the root mean
/// square of the gradient.
double finite_difference_error(const std::function<double(const Matrix&)>& loss, Matrix point,
                               std::span<const float> gradient, RandomStream random,
                               int samples = 8);

}  // namespace shard::reference
