#include "common/check/reference.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/counted.h"
#include "common/base/formulas.h"

namespace shard::reference {

Matrix::Matrix(const Tensor& tensor) : Matrix(tensor.rows(), tensor.columns()) {
  std::ranges::copy(tensor.to_host(), values.begin());
}

Matrix random_matrix(int64_t rows, int64_t columns, RandomStream random, double deviation) {
  Matrix out(rows, columns);
  for (size_t i = 0; i < out.values.size(); ++i)
    out.values[i] = static_cast<float>(deviation * random.normal(i));
  return out;
}

Tensor to_tensor(Backend& backend, const Matrix& matrix) {
  const std::vector<float> values = matrix.floats();
  return Tensor::from(backend, {matrix.rows, matrix.columns}, std::span<const float>(values));
}

Matrix matmul(const Matrix& a, const Matrix& b) {
  require(a.columns == b.rows, "reference::matmul: ", counted(a.columns, "column"), " times ",
          counted(b.rows, "row"));
  Matrix c(a.rows, b.columns);
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t k = 0; k < a.columns; ++k) {
      for (int64_t j = 0; j < b.columns; ++j) c(i, j) += a(i, k) * b(k, j);
    }
  }
  return c;
}

Matrix transpose(const Matrix& a) {
  Matrix t(a.columns, a.rows);
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t j = 0; j < a.columns; ++j) t(j, i) = a(i, j);
  }
  return t;
}

Matrix add(const Matrix& a, const Matrix& b) {
  require(a.rows == b.rows && a.columns == b.columns, "reference::add: shapes differ");
  Matrix sum = a;
  for (size_t i = 0; i < sum.values.size(); ++i) sum.values[i] += b.values[i];
  return sum;
}

Matrix add_bias(Matrix y, const Matrix& bias) {
  require(bias.rows == 1 && bias.columns == y.columns, "reference::add_bias: the bias has ",
          counted(bias.columns, "entry", "entries"), " for ", counted(y.columns, "column"));
  for (int64_t i = 0; i < y.rows; ++i) {
    for (int64_t j = 0; j < y.columns; ++j) y(i, j) += bias(0, j);
  }
  return y;
}

Matrix gelu(Matrix x) {
  for (double& value : x.values) value = shard::gelu(value);
  return x;
}

Matrix layer_norm(const Matrix& x, const Matrix& gain, const Matrix& bias, double epsilon) {
  Matrix y(x.rows, x.columns);
  const auto width = static_cast<double>(x.columns);
  for (int64_t i = 0; i < x.rows; ++i) {
    double mean = 0, variance = 0;
    for (int64_t j = 0; j < x.columns; ++j) mean += x(i, j) / width;
    for (int64_t j = 0; j < x.columns; ++j) variance += (x(i, j) - mean) * (x(i, j) - mean) / width;
    for (int64_t j = 0; j < x.columns; ++j) {
      y(i, j) = gain(0, j) * (x(i, j) - mean) / std::sqrt(variance + epsilon) + bias(0, j);
    }
  }
  return y;
}

/// Softmax over 0 … i of q_i · k_j / √head_width, for one row i of one head.
static std::vector<double> causal_probabilities(const Matrix& qkv, int64_t first_row, int64_t i,
                                                int64_t q_column, int64_t k_column,
                                                int64_t head_width) {
  std::vector<double> p(static_cast<size_t>(i + 1));
  double sum = 0, max = -INFINITY;
  for (int64_t j = 0; j <= i; ++j) {
    double score = 0;
    for (int64_t c = 0; c < head_width; ++c) {
      score += qkv(first_row + i, q_column + c) * qkv(first_row + j, k_column + c);
    }
    p[static_cast<size_t>(j)] = score / std::sqrt(static_cast<double>(head_width));
    max = std::max(max, p[static_cast<size_t>(j)]);
  }
  for (double& value : p) sum += value = std::exp(value - max);
  for (double& value : p) value /= sum;
  return p;
}

Matrix attention(const Matrix& qkv, int64_t batch, int64_t heads, const Mask& keep) {
  const int64_t width = qkv.columns / 3, head_width = width / heads, context = qkv.rows / batch;
  Matrix out(qkv.rows, width);
  for (int64_t matrix = 0; matrix < batch * heads; ++matrix) {
    const int64_t first_row = matrix / heads * context, column = matrix % heads * head_width;
    for (int64_t i = 0; i < context; ++i) {
      const auto p = causal_probabilities(qkv, first_row, i, column, width + column, head_width);
      for (int64_t j = 0; j <= i; ++j) {
        const double weight = p[static_cast<size_t>(j)] * (keep ? keep(matrix, i, j) : 1.0);
        for (int64_t c = 0; c < head_width; ++c) {
          out(first_row + i, column + c) += weight * qkv(first_row + j, 2 * width + column + c);
        }
      }
    }
  }
  return out;
}

Matrix cross_entropy(const Matrix& logits, std::span<const int32_t> targets) {
  Matrix losses(logits.rows, 1);
  for (int64_t i = 0; i < logits.rows; ++i) {
    double max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < logits.columns; ++j) max = std::max(max, logits(i, j));
    for (int64_t j = 0; j < logits.columns; ++j) sum += std::exp(logits(i, j) - max);
    losses(i, 0) = std::log(sum) + max - logits(i, targets[static_cast<size_t>(i)]);
  }
  return losses;
}

Matrix softmax(const Matrix& x) {
  Matrix out = x;
  for (int64_t i = 0; i < x.rows; ++i) {
    double max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < x.columns; ++j) max = std::max(max, x(i, j));
    for (int64_t j = 0; j < x.columns; ++j) sum += std::exp(x(i, j) - max);
    for (int64_t j = 0; j < x.columns; ++j) out(i, j) = std::exp(x(i, j) - max) / sum;
  }
  return out;
}

std::vector<Choice> route(const Matrix& logits, const Matrix& bias, int64_t k, bool renormalised) {
  const Matrix probabilities = softmax(logits);
  std::vector<Choice> all;
  for (int64_t row = 0; row < logits.rows; ++row) {
    std::vector<int64_t> order(static_cast<size_t>(logits.columns));
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, std::greater(), [&](int64_t expert) {
      return probabilities(row, expert) + bias(0, expert);
    });
    order.resize(static_cast<size_t>(k));
    Choice choice{order, {}};
    for (int64_t expert : order) choice.weights.push_back(probabilities(row, expert));
    const double sum = std::accumulate(choice.weights.begin(), choice.weights.end(), 0.0);
    for (double& weight : choice.weights) weight /= renormalised ? sum : 1.0;
    all.push_back(choice);
  }
  return all;
}

double dot(const Matrix& a, const Matrix& b) {
  require(a.rows == b.rows && a.columns == b.columns, "reference::dot: shapes differ");
  double sum = 0;
  for (size_t i = 0; i < a.values.size(); ++i) sum += a.values[i] * b.values[i];
  return sum;
}

double larger(double a, double b) { return std::isnan(b) || b > a ? b : a; }

double largest(std::span<const double> errors) {
  return std::accumulate(errors.begin(), errors.end(), 0.0, larger);
}

double relative_error(std::span<const float> got, std::span<const double> expected) {
  require(got.size() == expected.size(), "relative_error: ", got.size(), " values against ",
          expected.size());
  double difference = 0, norm = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    difference += (got[i] - expected[i]) * (got[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return difference == 0 ? 0 : std::sqrt(difference / norm);
}

double relative_error(const Tensor& got, const Matrix& expected) {
  return relative_error(got.to_host(), expected.values);
}

double relative_error(const Tensor& got, const Tensor& expected) {
  return relative_error(got, Matrix(expected));
}

double relative_error(double got, double expected) {
  return got == expected ? 0 : std::abs(got / expected - 1);
}

double largest_difference(const Tensor& got, const Matrix& expected) {
  const std::vector<float> values = got.to_host();
  require(values.size() == expected.values.size(), "largest_difference: ", values.size(),
          " values against ", expected.values.size());
  double largest = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    largest = larger(largest, std::abs(values[i] - expected.values[i]));
  }
  return largest;
}

double finite_difference_error(const std::function<double(const Matrix&)>& loss, Matrix point,
                               std::span<const float> gradient, RandomStream random, int samples) {
  require(gradient.size() == point.values.size(), "finite_difference_error: ", gradient.size(),
          " gradient entries for ", point.values.size());
  constexpr double h = 1e-4;
  double squares = 0, largest = 0;
  for (float g : gradient) squares += double{g} * g;
  const double scale = std::sqrt(squares / static_cast<double>(gradient.size()));
  for (int sample = 0; sample < samples; ++sample) {
    const size_t i = random.below(point.values.size(), static_cast<uint64_t>(sample));
    const double x = point.values[i];
    point.values[i] = x + h;
    const double above = loss(point);
    point.values[i] = x - h;
    const double below = loss(point);
    point.values[i] = x;
    largest = larger(largest, std::abs(gradient[i] - (above - below) / (2 * h)) / scale);
  }
  return largest;
}

}  // namespace shard::reference
