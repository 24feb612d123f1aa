#include "exercises/03_row_parallel_gemm/3_what_commutes.h"

#include <array>
#include <cmath>

#include "common/program/report.h"
#include "tests/exercises/terms.h"

namespace shard {
namespace {

constexpr int64_t tokens = 5, width = 8, narrow = 3, wide = 11;
constexpr double small = 1e-6;  // relative errors below are rounding

struct Case {
  Operation operation;
  std::string name;
};
const std::array<Case, 10> cases{{{Operation::scale, "scale"},
                                  {Operation::add_bias, "add_bias"},
                                  {Operation::add_residual, "add_residual"},
                                  {Operation::matmul, "matmul"},
                                  {Operation::columns, "columns"},
                                  {Operation::gelu, "gelu"},
                                  {Operation::gelu_backward, "gelu_backward"},
                                  {Operation::layer_norm, "layer_norm"},
                                  {Operation::dropout, "dropout"},
                                  {Operation::row_maximum, "row_maximum"}}};

Matrix row_maximum(const Matrix& x) {
  Matrix largest(x.rows, 1);
  for (int64_t row = 0; row < x.rows; ++row) {
    largest(row, 0) = x(row, 0);
    for (int64_t column = 1; column < x.columns; ++column)
      largest(row, 0) = std::max(largest(row, 0), x(row, column));
  }
  return largest;
}

/// The operations in double, and three terms to try them on: a sum of three, whatever the number of
/// ranks.
struct Laboratory {
  std::vector<Matrix> terms;
  Matrix bias, residual, weight, slope, mask{tokens, width}, gain{1, width}, no_bias{1, width};

  explicit Laboratory(const Examiner& examiner)
      : bias(examiner.random(1, width, "bias")),
        residual(examiner.random(tokens, width, "residual")),
        weight(examiner.random(width, narrow, "weight")),
        slope(gelu_derivative(examiner.random(tokens, width, "h"))) {
    for (int term = 0; term < 3; ++term)
      terms.push_back(examiner.random(tokens, width, text("term ", term)));
    const RandomStream random{20, stream_of("mask")};
    for (size_t i = 0; i < mask.values.size(); ++i)
      mask.values[i] = random.uniform(i) < 0.25f ? 0 : 1 / 0.75;
    for (double& value : gain.values) value = 1;
  }

  Matrix apply(Operation operation, const Matrix& x) const {
    switch (operation) {
      case Operation::scale: return scaled(x, 0.5);
      case Operation::add_bias: return reference::add_bias(x, bias);
      case Operation::add_residual: return add(x, residual);
      case Operation::matmul: return matmul(x, weight);
      case Operation::columns: return columns_of(x, Range{2, 5});
      case Operation::gelu: return reference::gelu(x);
      case Operation::gelu_backward: return product_of_elements(x, slope);
      case Operation::layer_norm: return reference::layer_norm(x, gain, no_bias);
      case Operation::dropout: return product_of_elements(x, mask);
      case Operation::row_maximum: return row_maximum(x);
    }
    return x;
  }

  Matrix sum() const { return add(add(terms[0], terms[1]), terms[2]); }

  /// The relative error of the result with the operation there; infinite where the terms' shapes
  /// would differ.
  double error(Operation operation, Place place) const {
    const Matrix right = apply(operation, sum());
    Matrix result = right;
    if (place == Place::before_on_one_rank) {
      result = apply(operation, terms[0]);
      if (result.columns != width) return INFINITY;
      result = add(add(result, terms[1]), terms[2]);
    } else if (place == Place::before_on_every_rank) {
      result = add(add(apply(operation, terms[0]), apply(operation, terms[1])),
                   apply(operation, terms[2]));
    }
    return std::sqrt(dot(add(result, scaled(right, -1)), add(result, scaled(right, -1))) /
                     dot(right, right));
  }
};

std::string percent(double error) { return text(fixed(100 * error, 0), " %"); }

/// What is wrong with doing it there, in numbers; empty if nothing is.
std::string diagnosis(const Laboratory& laboratory, const Case& tried, Place place) {
  const double every = laboratory.error(tried.operation, Place::before_on_every_rank);
  const double one = laboratory.error(tried.operation, Place::before_on_one_rank);
  const std::string on_three =
      text("with three terms the result is ", percent(laboratory.error(tried.operation, place)));
  switch (place) {
    case Place::before_on_every_rank:
      if (every < small) return "";
      if (one < small) {
        return text(
            "you let every rank apply ", tried.name, " before the sum: ", on_three,
            " off, because what is added counts three times; done by one rank, it is right");
      }
      return text("you let every rank apply ", tried.name, " before the sum: ", on_three,
                  " off, because Σ ", tried.name, "(xᵢ) is not ", tried.name, "(Σ xᵢ)");
    case Place::before_on_one_rank:
      if (std::isinf(one)) {
        return text("you let one rank apply ", tried.name,
                    " before the sum: its term would have a different shape from the others' and "
                    "could not be added to them");
      }
      if (one > small) {
        return text("you let one rank apply ", tried.name, " before the sum: ", on_three,
                    " off, because the terms of the other ranks stay unchanged");
      }
      return every < small ? text("you let one rank apply ", tried.name, ", but every rank may")
                           : "";
    case Place::after:
      if (every < small) {
        return text("you let ", tried.name, " wait for the sum, but Σ ", tried.name, "(xᵢ) equals ",
                    tried.name, "(Σ xᵢ) up to rounding: every rank may do it before");
      }
      if (one < small) {
        return text("you let ", tried.name,
                    " wait for the sum, but if one rank does it before, the result is the same up "
                    "to rounding");
      }
      return "";
  }
  return "your answer is none of the three places";
}

void examine_scaled_residual(Examiner& examiner) {
  Communicator& world = examiner.world();
  const double ranks = world.size(), factor = 0.40625;  // exact in float
  const Matrix bias = examiner.random(1, width, "bias"),
               residual = examiner.random(tokens, width, "residual");
  const Matrix term = examiner.random(tokens, width, text("term ", world.rank()));
  Matrix sum(tokens, width), bias_rows = add_bias(Matrix(tokens, width), bias);
  for (int rank = 0; rank < world.size(); ++rank)
    sum = add(sum, examiner.random(tokens, width, text("term ", rank)));
  const Matrix expected = add(scaled(add(sum, bias_rows), factor), residual);
  const Matrix first_scaled =
      add(scaled(examiner.random(tokens, width, "term 0"), factor - 1), sum);

  const PartialSum y =
      scaled_residual(world, PartialSum(examiner.variable(term)), static_cast<float>(factor),
                      examiner.vector(bias, "bias"), examiner.tensor(residual, "residual"));
  examiner.expect(
      "y of scaled_residual", world.all_reduce(PartialSum(y.unreduced().clone())), expected,
      {Suspect::extra("residual", residual, "every rank added it to its term", times(ranks - 1)),
       Suspect::extra("residual", residual, "it was scaled, but is outside the brackets",
                      times(factor - 1)),
       Suspect::extra("residual", residual, "it is missing", times(-1)),
       Suspect::extra("bias", bias_rows, "it was not scaled, but is inside the brackets",
                      times(1 - factor)),
       Suspect::extra("bias", bias_rows, "it is missing", times(-factor)),
       Suspect::extra("bias", bias_rows, "every rank added it to its term",
                      times(factor * (ranks - 1))),
       Suspect::extra("bias", bias_rows, "every rank added it to its term, unscaled",
                      times(ranks - factor)),
       Suspect::extra("(factor·bias + residual)", add(scaled(bias_rows, factor), residual),
                      "every rank added both to its term", times(ranks - 1)),
       Suspect::result("one in which only rank 0 scaled its term",
                       add(first_scaled, add(scaled(bias_rows, factor), residual)))});
}

void examine_project(Examiner& examiner, const std::string& name, int64_t out) {
  Communicator& world = examiner.world();
  const Matrix w = examiner.random(width, out, name),
               term = examiner.random(tokens, width, text("term ", world.rank()));
  Matrix sum(tokens, width);
  for (int rank = 0; rank < world.size(); ++rank)
    sum = add(sum, examiner.random(tokens, width, text("term ", rank)));
  const Ledger before = examiner.ledger();
  const Tensor y = project(world, PartialSum(examiner.variable(term)), examiner.tensor(w, "w"));
  examiner.expect(
      text("y of project, ", name), y, matmul(sum, w),
      {Suspect::result("this rank's own term xᵢ·W: the terms were never added", matmul(term, w)),
       Suspect::extra("(Σ xᵢ)·W", matmul(sum, w), "the sum was taken before and after the product",
                      times(world.size() - 1))});
  examiner.expect_ledger(text("project, ", name, ": one all_reduce, of the smaller side"), before,
                         {{Collective::all_reduce, 1, tokens * std::min(width, out) * 4}});
}

}  // namespace

void examine(Examiner& examiner) {
  const Laboratory laboratory(examiner);
  for (const Case& tried : cases) {
    examiner.attempt(tried.name, [&] {
      const std::string wrong = diagnosis(laboratory, tried, earliest_place(tried.operation));
      examiner.expect(tried.name, wrong.empty(), wrong);
    });
  }
  examiner.attempt("scaled_residual", [&] { examine_scaled_residual(examiner); });
  // 7 is less than 8, but more than the number of tokens, which decides nothing
  for (const auto& [name, out] :
       {std::pair{"W [8 × 3]", narrow}, {"W [8 × 7]", 7}, {"W [8 × 11]", wide}}) {
    examiner.attempt(text("project, ", name), [&] { examine_project(examiner, name, out); });
  }
}

}  // namespace shard
