#include "exercises/07_transformer_block/2_norm_gradients.h"

#include <cmath>

#include "tests/exercises/support.h"

namespace shard {
namespace {

Matrix ones(int64_t columns) {
  Matrix row(1, columns);
  for (double& one : row.values) one = 1;
  return row;
}

/// (x - mean) / √(variance + ε) of each row.
Matrix normalised(const Matrix& x) { return layer_norm(x, ones(x.columns), Matrix(1, x.columns)); }

/// The formula in common/tensor/ops.h: dx = (g - mean(g) - n·mean(g·n)) / √(variance + ε), g =
/// dy·gain.
Matrix input_gradient(const Matrix& dy, const Matrix& x, const Matrix& gain) {
  const Matrix n = normalised(x);
  Matrix dx(x.rows, x.columns);
  const auto width = static_cast<double>(x.columns);
  for (int64_t i = 0; i < x.rows; ++i) {
    double mean = 0, variance = 0, mean_g = 0, mean_gn = 0;
    for (int64_t j = 0; j < x.columns; ++j) {
      mean += x(i, j) / width;
      mean_g += dy(i, j) * gain(0, j) / width;
      mean_gn += dy(i, j) * gain(0, j) * n(i, j) / width;
    }
    for (int64_t j = 0; j < x.columns; ++j) variance += (x(i, j) - mean) * (x(i, j) - mean) / width;
    for (int64_t j = 0; j < x.columns; ++j) {
      dx(i, j) = (dy(i, j) * gain(0, j) - mean_g - n(i, j) * mean_gn) / std::sqrt(variance + 1e-5);
    }
  }
  return dx;
}

/// What may go wrong with one of the two sums; `own` is this rank's term, `other` the other
/// parameter's sum.
std::vector<Suspect> wrong_sums(const Matrix& old, const Matrix& sum, const Matrix& own,
                                const Matrix& other, int ranks) {
  return {Suspect::result("what it held before, and nothing more", old),
          Suspect::result("what it held before plus the terms of this rank's tokens: the other "
                          "ranks' were never added",
                          add(old, own)),
          Suspect::result(
              "the sum over all ranks of this pass only: what it held before was overwritten", sum),
          Suspect::result("what it held before plus the mean over the ranks: gradients over tokens "
                          "are summed, not averaged",
                          add(old, scaled(sum, 1.0 / ranks))),
          Suspect::result(
              "what it held before plus the other parameter's sum: the two halves are exchanged",
              add(old, other)),
          Suspect::extra("what it held before", old,
                         "that was complete on every rank, and has now been summed over the ranks "
                         "with this pass's terms",
                         [](double c) { return c > 0.5; })};
}

}  // namespace

void examine(Examiner& examiner) {
  Communicator& world = examiner.world();
  const int64_t tokens = 13, width = 7;
  const Range mine = part_of(tokens, world.size(), world.rank());
  const Matrix x = examiner.random(tokens, width, "x", 2),
               dy = examiner.random(tokens, width, "dy");
  const Matrix gain = examiner.random(1, width, "gain"), bias = examiner.random(1, width, "bias");
  const Matrix old_gain = examiner.random(1, width, "old dgain"),
               old_bias = examiner.random(1, width, "old dbias");
  // of the gain's gradient: dy·n, from each token
  const Matrix terms = product_of_elements(dy, normalised(x));
  const Matrix sum_gain = column_sums(terms), sum_bias = column_sums(dy);
  const Matrix own_gain = column_sums(rows_of(terms, mine)),
               own_bias = column_sums(rows_of(dy, mine));

  const Tensor my_x = examiner.tensor(rows_of(x, mine)), my_dy = examiner.tensor(rows_of(dy, mine));
  const LayerNorm forward = layer_norm(my_x, examiner.vector(gain), examiner.vector(bias));
  Tensor dgain = examiner.variable_vector(old_gain), dbias = examiner.variable_vector(old_bias);
  const Ledger before = examiner.ledger();
  const Tensor dx = sequence_parallel_norm_backward(world, my_dy, my_x, forward,
                                                    examiner.vector(gain), dgain, dbias);
  examiner.expect("dX", dx, rows_of(input_gradient(dy, x, gain), mine),
                  {Suspect::result("computed without the gain: dY is multiplied by it first",
                                   rows_of(input_gradient(dy, x, ones(width)), mine))});
  examiner.expect("gradient of the gain", dgain, add(old_gain, sum_gain),
                  wrong_sums(old_gain, sum_gain, own_gain, sum_bias, world.size()));
  examiner.expect("gradient of the bias", dbias, add(old_bias, sum_bias),
                  wrong_sums(old_bias, sum_bias, own_bias, sum_gain, world.size()));
  examiner.expect_ledger("one all_reduce of 2 · width", before,
                         {{Collective::all_reduce, 1, 2 * width * 4}});
}

}  // namespace shard
