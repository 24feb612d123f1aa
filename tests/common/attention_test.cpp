// The parts of attention: heads, causal softmax and its gradient.
#include <cmath>

#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;

TEST_CASE(
    "split_heads: head h of sequence s holds its own columns, and merge_heads puts them back") {
  const int64_t batch = 3, context = 5, heads = 2, head_width = 4, columns = 27, first = 9;
  const Matrix x = random_matrix(batch * context, columns, "x");
  const Tensor split = split_heads(tensor(x), first, batch, heads, head_width);
  REQUIRE(split.shape() == Shape{batch * heads, context, head_width});
  const Matrix got(split);
  for (int64_t s = 0; s < batch; ++s) {
    for (int64_t h = 0; h < heads; ++h) {
      for (int64_t i = 0; i < context; ++i) {
        for (int64_t c = 0; c < head_width; ++c) {
          CHECK(got((s * heads + h) * context + i, c) ==
                x(s * context + i, first + h * head_width + c));
        }
      }
    }
  }
  Tensor merged = tensor(x);
  fill(merged, 0.0f);
  merge_heads(merged, first, split);
  Matrix expected = x;
  for (int64_t i = 0; i < x.rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      if (j < first || j >= first + heads * head_width) expected(i, j) = 0;
    }
  }
  CHECK(merged.to_host() == expected.floats());
}

TEST_CASE("causal_scores: Q·Kᵀ on and below the diagonal, of one strip of rows and of several") {
  const int64_t batch = 3, head_width = 6;
  for (const int64_t context : {1, 5, 128, 129, 300}) {
    CAPTURE(context);
    const Matrix q = random_matrix(batch * context, head_width, "q"),
                 k = random_matrix(batch * context, head_width, "k");
    const Shape shape{batch, context, head_width};
    Matrix got(causal_scores(tensor(shape, q), tensor(shape, k))), expected = got;
    REQUIRE((got.rows == batch * context && got.columns == context));
    for (int64_t row = 0; row < got.rows; ++row) {
      for (int64_t i = 0; i < context; ++i) {
        const bool seen = i <= row % context;
        double sum = 0;
        for (int64_t c = 0; c < head_width; ++c)
          sum += q(row, c) * k(row / context * context + i, c);
        expected(row, i) = seen ? sum : 0.0;
        if (!seen) got(row, i) = 0.0;
      }
    }
    CHECK(relative_error(got.floats(), expected.values) < 1e-6);
  }
  const Tensor q(backend(), {2, 5, 4}), k(backend(), {2, 5, 3});
  CHECK(message_of([&] { causal_scores(q, k); }) ==
        "causal_scores: shapes [2 × 5 × 4] and [2 × 5 × 3] differ");
}

/// softmax over columns 0 … row of each matrix, in double.
static Matrix causal_softmax_reference(const Matrix& scores, double scale) {
  Matrix p = scores;
  for (int64_t row = 0; row < p.rows; ++row) {
    const int64_t seen = row % p.columns + 1;
    double max = -INFINITY, sum = 0;
    for (int64_t i = 0; i < seen; ++i) max = std::max(max, scale * p(row, i));
    for (int64_t i = 0; i < seen; ++i) sum += std::exp(scale * p(row, i) - max);
    for (int64_t i = 0; i < p.columns; ++i)
      p(row, i) = i < seen ? std::exp(scale * p(row, i) - max) / sum : 0.0;
  }
  return p;
}

TEST_CASE("causal_softmax: against double precision, and the future counts nothing") {
  for (const auto& [batch, context, deviation] : {std::tuple<int64_t, int64_t, double>{4, 7, 1.0},
                                                  {1, 1, 1.0},
                                                  {2, 33, 50.0},
                                                  {3, 64, 1.0}}) {
    const Matrix scores = random_matrix(batch * context, context, "scores", deviation);
    Tensor p = tensor({batch, context, context}, scores);
    causal_softmax(p, 0.3f);
    CHECK(relative_error(p, causal_softmax_reference(scores, 0.3f)) < 3e-6);
    const Matrix got(p);
    for (int64_t row = 0; row < got.rows; ++row) {
      for (int64_t i = row % context + 1; i < context; ++i) CHECK(got(row, i) == 0.0);
    }
  }
}

TEST_CASE(
    "causal_softmax: queries that are the last positions of a longer context see what they see in "
    "the whole") {
  const int64_t batch = 3, context = 21;
  const Matrix scores = random_matrix(batch * context, context, "scores"),
               whole = causal_softmax_reference(scores, 0.3f);
  for (const int64_t queries : {1, 4, 21}) {
    Matrix last(batch * queries, context), expected = last;
    for (int64_t row = 0; row < last.rows; ++row) {
      const int64_t in_whole = row / queries * context + context - queries + row % queries;
      for (int64_t i = 0; i < context; ++i) {
        last(row, i) = scores(in_whole, i);
        expected(row, i) = whole(in_whole, i);
      }
    }
    Tensor p = tensor({batch, queries, context}, last);
    causal_softmax(p, 0.3f);
    CHECK(relative_error(p, expected) < 3e-6);
  }
}

TEST_CASE("causal_softmax: neither large scores nor what stands in the future do harm") {
  Matrix scores = random_matrix(6, 6, "scores");
  for (double& value : scores.values) value = 1e4 + 10 * value;
  const Tensor shifted = tensor({1, 6, 6}, scores);
  Tensor p = shifted.clone();
  causal_softmax(p, 1.0f);
  CHECK(relative_error(p, causal_softmax_reference(Matrix(shifted), 1.0)) < 1e-4);
  for (int64_t row = 0; row < 6; ++row) {
    for (int64_t i = row + 1; i < 6; ++i) scores(row, i) = 3e38;
  }
  Tensor again = tensor({1, 6, 6}, scores);
  causal_softmax(again, 1.0f);
  CHECK(again.to_host() == p.to_host());
}

TEST_CASE("causal_softmax: backward against finite differences") {
  const int64_t batch = 2, context = 9;
  const Matrix scores = random_matrix(batch * context, context, "scores"),
               dp = random_matrix(scores.rows, context, "dp");
  Tensor p = tensor({batch, context, context}, scores),
         dscores = tensor({batch, context, context}, dp);
  causal_softmax(p, 0.7f);
  causal_softmax_backward(dscores, p, 0.7f);
  const auto loss = [&](const Matrix& point) {
    return dot(causal_softmax_reference(point, 0.7f), dp);
  };
  CHECK(reference::finite_difference_error(loss, scores, dscores.to_host(), {3, 4}, 60) < 1e-5);
}

TEST_CASE("attention ops: shapes that do not fit are refused") {
  const Tensor x(backend(), {6, 8});
  Tensor tokens(backend(), {6, 8}), scores(backend(), {2, 4, 3}), square(backend(), {2, 3, 3});
  CHECK(contains(message_of([&] { split_heads(x, 2, 2, 2, 4); }),
                 "split_heads: columns 2 to 10 of shape [6 × 8]"));
  // 6 rows are no 4 sequences
  CHECK(contains(message_of([&] { split_heads(x, 0, 4, 2, 4); }), "split_heads: "));
  CHECK(contains(message_of([&] {
                   merge_heads(tokens, 0, Tensor(backend(), {4, 4, 4}));
                 }),
                 "merge_heads: "));
  CHECK(contains(message_of([&] { causal_softmax(scores, 1.0f); }), "[2 × 4 × 3]"));
  CHECK(
      contains(message_of([&] { causal_softmax_backward(scores, scores, 1.0f); }), "[2 × 4 × 3]"));
  CHECK(contains(message_of([&] {
                   causal_softmax_backward(square, Tensor(backend(), {3, 3, 3}), 1.0f);
                 }),
                 "differ"));
}
