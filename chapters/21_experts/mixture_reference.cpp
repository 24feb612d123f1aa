#include "chapters/21_experts/mixture_reference.h"

namespace shard {

using reference::Choice;
using reference::Matrix;

static Matrix rows_of(const Matrix& matrix, int64_t begin, int64_t count) {
  const auto first = matrix.values.begin() + begin * matrix.columns;
  Matrix part(count, matrix.columns);
  part.values.assign(first, first + count * matrix.columns);
  return part;
}

/// Part i of a vector of `count` equal parts.
static Matrix part_of_vector(const Matrix& vector, int64_t count, int64_t i) {
  const int64_t length = std::ssize(vector.values) / count;
  Matrix part(1, length);
  const auto first = vector.values.begin() + i * length;
  part.values.assign(first, first + length);
  return part;
}

std::vector<Choice> MixtureReference::choices(const Matrix& logits) const {
  const RouterSettings& router = settings.router;
  return reference::route(logits, bias.values.empty() ? Matrix(1, router.experts) : bias,
                          router.chosen, router.by == RouterWeights::of_chosen);
}

Matrix MixtureReference::forward(const Matrix& x, std::span<const Matrix> parameters) const {
  const Matrix &router = parameters[0], &up = parameters[1], &up_bias = parameters[2],
               &down = parameters[3], &down_bias = parameters[4];
  const int64_t experts = settings.router.experts, width = x.columns;
  const std::vector<Choice> chosen = choices(reference::matmul(x, router));
  std::vector<int64_t> taken(static_cast<size_t>(experts), 0);
  const int64_t capacity =
      expert_capacity(settings.capacity, x.rows * settings.router.chosen, experts);
  Matrix y(x.rows, width);
  for (int64_t token = 0; token < x.rows; ++token) {
    const Choice& choice = chosen[static_cast<size_t>(token)];
    for (size_t slot = 0; slot < choice.experts.size(); ++slot) {
      const int64_t expert = choice.experts[slot];
      if (taken[static_cast<size_t>(expert)]++ >= capacity) continue;
      const Matrix u = reference::add_bias(reference::matmul(rows_of(x, token, 1),
                                                             rows_of(up, expert * width, width)),
                                           part_of_vector(up_bias, experts, expert));
      const Matrix z = reference::add_bias(
          reference::matmul(reference::gelu(u), rows_of(down, expert * hidden, hidden)),
          part_of_vector(down_bias, experts, expert));
      for (int64_t i = 0; i < width; ++i) y(token, i) += choice.weights[slot] * z(0, i);
    }
  }
  return y;
}

double MixtureReference::balance_loss(const Matrix& x, const Matrix& router) const {
  const Matrix logits = reference::matmul(x, router), p = reference::softmax(logits);
  const int64_t experts = settings.router.experts;
  std::vector<double> counts(static_cast<size_t>(experts)), sums(counts);
  for (const Choice& choice : choices(logits))
    for (int64_t expert : choice.experts) ++counts[static_cast<size_t>(expert)];
  for (int64_t token = 0; token < x.rows; ++token)
    for (int64_t i = 0; i < experts; ++i) sums[static_cast<size_t>(i)] += p(token, i);
  const auto tokens = static_cast<double>(x.rows);
  double loss = 0;
  for (size_t i = 0; i < sums.size(); ++i)
    loss += counts[i] / (tokens * static_cast<double>(settings.router.chosen)) * sums[i] / tokens;
  return static_cast<double>(settings.router.balance) * static_cast<double>(experts) * loss;
}

}  // namespace shard
