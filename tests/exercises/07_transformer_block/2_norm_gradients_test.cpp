#include "exercises/07_transformer_block/2_norm_gradients.h"

#include <cmath>

#include "tests/exercises/gradients.h"

namespace shard {
namespace {

Matrix ones(int64_t columns) {
  Matrix row(1, columns);
  for (double& one : row.values) one = 1;
  return row;
}

/// What the forward pass of layer norm knows of each row of x.
struct Rows {
  std::vector<double> mean, deviation;

  explicit Rows(const Matrix& x) {
    const auto width = static_cast<double>(x.columns);
    for (int64_t i = 0; i < x.rows; ++i) {
      double sum = 0, squares = 0;
      for (int64_t j = 0; j < x.columns; ++j) sum += x(i, j);
      mean.push_back(sum / width);
      for (int64_t j = 0; j < x.columns; ++j)
        squares += (x(i, j) - mean.back()) * (x(i, j) - mean.back());
      deviation.push_back(std::sqrt(squares / width + 1e-5));
    }
  }
  Matrix normalised(Matrix x) const {
    for (int64_t i = 0; i < x.rows; ++i) {
      const auto row = static_cast<size_t>(i);
      for (int64_t j = 0; j < x.columns; ++j) x(i, j) = (x(i, j) - mean[row]) / deviation[row];
    }
    return x;
  }
};

/// What layer_norm_backward(dy, x, …) gives: dX, and the terms of each token in the gradients of
/// gain and bias. The formula in common/tensor/ops.h: with g = dy·gain, dx = (g - mean(g) -
/// n·mean(g·n)) / deviation.
struct Backward {
  Matrix dx, gain_terms, bias_terms;  // [tokens × width]

  Backward(const Matrix& dy, const Matrix& x, const Rows& rows, const Matrix& gain)
      : dx(x.rows, x.columns), bias_terms(dy) {
    const Matrix n = rows.normalised(x);
    gain_terms = product_of_elements(dy, n);
    const auto width = static_cast<double>(x.columns);
    for (int64_t i = 0; i < x.rows; ++i) {
      double mean_g = 0, mean_gn = 0;
      for (int64_t j = 0; j < x.columns; ++j) {
        mean_g += dy(i, j) * gain(0, j) / width;
        mean_gn += dy(i, j) * gain(0, j) * n(i, j) / width;
      }
      for (int64_t j = 0; j < x.columns; ++j) {
        dx(i, j) = (dy(i, j) * gain(0, j) - mean_g - n(i, j) * mean_gn) /
                   rows.deviation[static_cast<size_t>(i)];
      }
    }
  }
};

const std::string exchanged =
    "computed with the arguments of layer_norm_backward exchanged: dY comes first, then the input "
    "of the forward pass";

/// One of the two gradients, which held `old`: the terms of each token, those with the arguments
/// exchanged, and those of the other gradient.
void expect_sum(Examiner& examiner, const std::string& name, const Tensor& got, const Matrix& old,
                const std::string& what, const Matrix& terms, const Matrix& exchanged_terms,
                const Matrix& other_terms) {
  const int ranks = examiner.world().size();
  const Range mine = part_of(terms.rows, ranks, examiner.world().rank());
  const auto with = [&](const std::string& diagnosis, const Matrix& some) {
    return Suspect::result(diagnosis, add(old, column_sums(some)));
  };
  Matrix means(1, terms.columns);
  for (int rank = 0; rank < ranks; ++rank) {
    const Range part = part_of(terms.rows, ranks, rank);
    means = add(means,
                scaled(column_sums(rows_of(terms, part)), 1.0 / static_cast<double>(part.size())));
  }
  std::vector<Suspect> suspects{
      with("what it held before plus the terms of this rank's tokens: the other ranks' were "
           "never added",
           rows_of(terms, mine)),
      with("what it held before plus the other parameter's sum: the two halves are exchanged",
           other_terms),
      with(exchanged, exchanged_terms), summed_with_before(old, ranks)};
  if (ranks > 1) {  // on one rank, both are the mean over all tokens
    suspects.push_back(
        Suspect::result("what it held before plus the sum of the ranks' means over their tokens: a "
                        "sum is asked for",
                        add(old, means)));
    suspects.push_back(
        with("what it held before plus the sum divided by the number of this rank's tokens: a sum "
             "is asked for",
             scaled(terms, 1.0 / static_cast<double>(mine.size()))));
  }
  examiner.expect(name, got, add(old, column_sums(terms)),
                  suspects + wrongly_added(old, what, {{column_sums(terms), terms.rows}}, ranks));
}

}  // namespace

static void check(Examiner& examiner, int64_t tokens, const std::string& of) {
  Communicator& world = examiner.world();
  const int64_t width = 7;
  const Range mine = part_of(tokens, world.size(), world.rank());
  const Matrix x = examiner.random(tokens, width, "x", 2),
               dy = examiner.random(tokens, width, "dy");
  const Matrix gain = examiner.random(1, width, "gain"), bias = examiner.random(1, width, "bias");
  const Matrix old_gain = examiner.random(1, width, "old dgain"),
               old_bias = examiner.random(1, width, "old dbias");
  const Rows rows(x);
  const Backward right(dy, x, rows, gain), wrong(x, dy, rows, gain);

  const Tensor my_x = examiner.tensor(rows_of(x, mine), "x"),
               my_dy = examiner.tensor(rows_of(dy, mine), "dy");
  const LayerNorm forward =
      layer_norm(my_x, examiner.vector(gain, "gain"), examiner.vector(bias, "bias"));
  Tensor dgain = examiner.variable_vector(old_gain), dbias = examiner.variable_vector(old_bias);
  const Ledger before = examiner.ledger();
  const Tensor dx = sequence_parallel_norm_backward(world, my_dy, my_x, forward,
                                                    examiner.vector(gain, "gain"), dgain, dbias);
  examiner.expect("dX" + of, dx, rows_of(right.dx, mine),
                  {Suspect::result("computed without the gain: dY is multiplied by it first",
                                   rows_of(Backward(dy, x, rows, ones(width)).dx, mine)),
                   Suspect::result(exchanged, rows_of(wrong.dx, mine))});
  expect_sum(examiner, "gradient of the gain" + of, dgain, old_gain, "Σ dY·n", right.gain_terms,
             wrong.gain_terms, right.bias_terms);
  expect_sum(examiner, "gradient of the bias" + of, dbias, old_bias, "Σ dY", right.bias_terms,
             wrong.bias_terms, right.gain_terms);
  examiner.expect_ledger("one all_reduce of 2 · width" + of, before,
                         {{Collective::all_reduce, 1, 2 * width * 4}});
}

void examine(Examiner& examiner) {
  // no part has as many tokens as there are ranks
  examiner.attempt("22 tokens", [&] { check(examiner, 22, ""); });
  if (!examiner.verdict()) return;
  // on 3 and 4 ranks the last has none
  examiner.attempt("2 tokens", [&] { check(examiner, 2, " (2 tokens)"); });
}

}  // namespace shard
