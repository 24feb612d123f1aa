// Embedding rows and the parts of the cross entropy, on one part of a vocabulary at a time.
#include <cmath>
#include <limits>

#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;

TEST_CASE("gather_rows: rows of this part, zeros for the others") {
  const Matrix table = random_matrix(5, 7, "table");  // rows 10 … 14 of the vocabulary
  const std::vector<int32_t> ids = {12, 3, 14, 10, 12, 15, 9};
  const Tensor out = gather_rows(tensor(table), indices(ids), 10);
  REQUIRE(out.shape() == Shape{7, 7});
  const Matrix got(out);
  for (int64_t i = 0; i < 7; ++i) {
    const int64_t row = ids[i] - 10;
    for (int64_t j = 0; j < 7; ++j) CHECK(got(i, j) == (row >= 0 && row < 5 ? table(row, j) : 0.0));
  }
}

TEST_CASE("add_to_rows: adds every token's gradient to its row, repeated ids too") {
  const Matrix before = random_matrix(5, 7, "before"), dy = random_matrix(8, 7, "dy");
  const std::vector<int32_t> ids = {12, 3, 14, 12, 12, 15, 9, 10};
  Matrix expected = before;
  for (int64_t i = 0; i < 8; ++i) {
    const int64_t row = ids[i] - 10;
    if (row < 0 || row >= 5) continue;
    for (int64_t j = 0; j < 7; ++j) expected(row, j) += dy(i, j);
  }
  Tensor dtable = tensor(before);
  add_to_rows(dtable, indices(ids), tensor(dy), 10);
  CHECK(relative_error(dtable, expected) < 1e-6);
}

TEST_CASE("row_max: over the valid columns only") {
  Matrix x = random_matrix(4, 6, "x");
  for (double& value : x.values) value = -std::abs(value);  // all negative: a zero would show
  for (int64_t i = 0; i < 4; ++i) x(i, 5) = 99;
  const std::vector<float> got = row_max(tensor(x), 5).to_host();
  for (int64_t i = 0; i < 4; ++i) {
    double max = x(i, 0);
    for (int64_t j = 1; j < 5; ++j) max = std::max(max, x(i, j));
    CHECK(got[i] == max);
  }
  CHECK(row_max(tensor(x), 6).to_host() == std::vector<float>(4, 99.0f));
  CHECK(row_max(tensor(x), 0).to_host() ==
        std::vector<float>(4, std::numeric_limits<float>::lowest()));
}

TEST_CASE("row_sum: over the valid columns only, and x stays as it is") {
  const Matrix x = random_matrix(5, 301, "x");
  const Tensor there = tensor(x);
  for (int64_t valid : {301, 256, 4, 1, 0}) {
    Matrix sums(5, 1);
    for (int64_t i = 0; i < 5; ++i) {
      for (int64_t j = 0; j < valid; ++j) sums(i, 0) += x(i, j);
    }
    const Tensor got = row_sum(there, valid);
    CHECK(got.shape() == Shape{5});
    CHECK(reference::largest_difference(got, sums) <= 1e-5);
  }
  CHECK(there.to_host() == x.floats());
  CHECK(row_sum(tensor(Matrix(0, 3)), 3).elements() == 0);
}

TEST_CASE("exp_and_row_sum: padding becomes zero and is not summed") {
  const Matrix x = random_matrix(4, 6, "x", 3.0), max = random_matrix(4, 1, "max");
  for (int64_t valid : {6, 4, 0}) {
    Matrix exps = x, sums(4, 1);
    for (int64_t i = 0; i < 4; ++i) {
      for (int64_t j = 0; j < 6; ++j) exps(i, j) = j < valid ? std::exp(x(i, j) - max(i, 0)) : 0.0;
      for (int64_t j = 0; j < 6; ++j) sums(i, 0) += exps(i, j);
    }
    Tensor got = tensor(x);
    CHECK(relative_error(exp_and_row_sum(got, tensor({4}, max), valid), sums) < 1e-6);
    CHECK(relative_error(got, exps) < 1e-6);
  }
}

TEST_CASE("pick: the value in this part, or zero") {
  const Matrix x = random_matrix(4, 3, "x");  // columns 6 … 8 of the vocabulary
  const std::vector<float> got = pick(tensor(x), indices({8, 5, 6, 9}), 6).to_host();
  CHECK(got ==
        std::vector<float>{static_cast<float>(x(0, 2)), 0.0f, static_cast<float>(x(2, 0)), 0.0f});
}

TEST_CASE("cross entropy: loss and gradient from the parts") {
  const int64_t rows = 9, vocabulary = 31;
  const Matrix logits = random_matrix(rows, vocabulary, "logits", 4.0);
  const std::vector<int32_t> targets = {0, 30, 7, 7, 19, 3, 30, 1, 22};
  Tensor x = tensor(logits);
  const Tensor ids = indices(targets), max = row_max(x, vocabulary), picked = pick(x, ids, 0);
  const Tensor sums = exp_and_row_sum(x, max, vocabulary);
  CHECK(relative_error(cross_entropy(sums, max, picked),
                       reference::cross_entropy(logits, targets)) < 1e-6);

  cross_entropy_backward(x, sums, ids, 0, 0.125f);
  const auto loss = [&](const Matrix& point) {
    double sum = 0;
    for (double one : reference::cross_entropy(point, targets).values) sum += one;
    return 0.125 * sum;
  };
  CHECK(reference::finite_difference_error(loss, logits, x.to_host(), {5, 6}, 80) < 1e-5);
}

TEST_CASE("cross entropy: a token without a target has no loss and no gradient") {
  const int64_t rows = 5, vocabulary = 7;
  const Matrix logits = random_matrix(rows, vocabulary, "logits");
  const Tensor x = tensor(logits), ids = indices({3, no_target, 0, no_target, 6});
  const ExpSums of = exp_sums(x, vocabulary);
  const std::vector<float> all = cross_entropy(of.sums, of.max, pick(x, ids, 0)).to_host(),
                           got = cross_entropy(of.sums, of.max, pick(x, ids, 0), ids).to_host();
  CHECK(got == std::vector<float>{all[0], 0.0f, all[2], 0.0f, all[4]});
  Tensor masked = x.clone(), others = x.clone();
  softmax_minus_targets(masked, of, ids, 0, vocabulary, 0.5f);
  softmax_minus_targets(others, of, indices({3, 1, 0, 1, 6}), 0, vocabulary, 0.5f);
  const Matrix gradient(masked), expected(others);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < vocabulary; ++column)
      CHECK(gradient(row, column) == (row % 2 == 1 ? 0.0 : expected(row, column)));
  CHECK(message_of([&] { cross_entropy(of.sums, of.max, of.max, indices({1})); }) !=
        "(nothing was thrown)");
}

TEST_CASE("cross entropy: logits of any size give finite losses") {
  Matrix logits = random_matrix(3, 5, "logits");
  for (int64_t j = 0; j < 5; ++j) logits(0, j) += 3e4, logits(1, j) -= 3e4, logits(2, j) *= 1e4;
  Tensor x = tensor(logits);
  const Tensor max = row_max(x, 5), picked = pick(x, indices({1, 2, 3}), 0);
  const Tensor losses = cross_entropy(exp_and_row_sum(x, max, 5), max, picked);
  const std::vector<int32_t> targets = {1, 2, 3};
  CHECK(relative_error(losses, reference::cross_entropy(Matrix(tensor(logits)), targets)) < 1e-3);
}

TEST_CASE("exp_sums: maximum and sum over the valid columns in one pass, and x stays as it is") {
  Matrix x = random_matrix(6, 3001, "x", 3.0);  // more than a block of threads meets at once
  for (int64_t j = 0; j < 3001; ++j) {
    x(0, j) = j / 16.0;                // each is larger than all before
    x(1, j) = -j / 16.0;               // the first is the largest
    x(2, j) = -1e4;                    // all equal, and far from 0
    x(3, j) = j % 2 * 3e4 - j / 16.0;  // exp of half of them is 0
  }
  const Tensor there = tensor(x);
  for (const int64_t valid : {3001, 2047, 5, 1, 0}) {
    INFO(valid, " columns");
    const ExpSums got = exp_sums(there, valid);
    CHECK(got.max.to_host() == row_max(there, valid).to_host());
    const std::vector<float> max = got.max.to_host(), sums = got.sums.to_host();
    for (size_t i = 0; i < 6; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < valid; ++j) sum += std::exp(x(static_cast<int64_t>(i), j) - max[i]);
      CHECK(std::abs(sums[i] - sum) <= 1e-6 * sum);
    }
  }
  CHECK(there.to_host() == x.floats());
  CHECK(exp_sums(tensor(Matrix(0, 3)), 3).sums.elements() == 0);
}

TEST_CASE("rescaled: the sums of parts with a maximum of their own add up to those of the whole") {
  const int64_t rows = 5, columns = 40;
  const Matrix x = random_matrix(rows, columns, "x", 20.0);
  const Tensor whole = tensor(x);
  const ExpSums all = exp_sums(whole, columns);
  Tensor sums = Tensor::zeros(backend(), {rows});
  for (const Range part : {Range{0, 7}, Range{7, 8}, Range{8, 40}}) {
    accumulate(sums, rescaled(exp_sums(columns_of(whole, part), part.size()), all.max));
  }
  accumulate(sums, rescaled(exp_sums(whole, 0), all.max));  // of a rank without words: nothing
  CHECK(relative_error(sums, all.sums) < 1e-6);
}

TEST_CASE(
    "softmax_minus_targets: the gradient from logits, maximum and sum; padding becomes zero") {
  const int64_t rows = 9, vocabulary = 31, columns = 36, first = 100;
  Matrix logits = random_matrix(rows, columns, "logits", 4.0);
  const std::vector<int32_t> targets = {100, 130, 107, 107, 99, 103, 131, 101, 122};
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = vocabulary; j < columns; ++j) logits(i, j) = i % 2 == 0 ? 1e30 : NAN;
  }
  Tensor x = tensor(logits);
  const ExpSums of = exp_sums(x, vocabulary);
  softmax_minus_targets(x, of, indices(targets), first, vocabulary, 0.125f);
  Matrix expected(rows, columns);
  for (int64_t i = 0; i < rows; ++i) {
    double sum = 0;
    for (int64_t j = 0; j < vocabulary; ++j) sum += std::exp(logits(i, j));
    for (int64_t j = 0; j < vocabulary; ++j)
      expected(i, j) = 0.125 * (std::exp(logits(i, j)) / sum - (j + first == targets[i] ? 1 : 0));
  }
  CHECK(reference::largest_difference(x, expected) < 1e-7);
}

TEST_CASE("vocabulary ops: shapes and types that do not fit are refused") {
  Tensor table(backend(), {5, 7}), x(backend(), {4, 6}), sums(backend(), {4}),
      three(backend(), {3});
  CHECK(message_of([&] { gather_rows(table, sums, 0); }) ==
        "gather_rows: ids must be i32, not f32");
  CHECK(message_of([&] {
          add_to_rows(table, indices({1, 2}), x, 0);
        }) == "add_to_rows: ids has shape [2], but needs 4 elements");
  CHECK(message_of([&] {
          add_to_rows(table, indices({1, 2, 3, 4}), x, 0);
        }) == "add_to_rows: [4 × 6] into [5 × 7]");
  CHECK(message_of([&] { row_max(x, 7); }) == "row_max: columns 0 to 7 of shape [4 × 6]");
  CHECK(message_of([&] { row_sum(x, 7); }) == "row_sum: columns 0 to 7 of shape [4 × 6]");
  CHECK(message_of([&] { exp_and_row_sum(x, three, 6); }) ==
        "exp_and_row_sum: the maximum has shape [3], but needs 4 elements");
  CHECK(message_of([&] { pick(x, indices({1}), 0); }) ==
        "pick: ids has shape [1], but needs 4 elements");
  CHECK(message_of([&] { cross_entropy(sums, three, sums); }) ==
        "cross_entropy: shapes [4] and [3] differ");
  CHECK(message_of([&] { exp_sums(x, 7); }) == "exp_sums: columns 0 to 7 of shape [4 × 6]");
  CHECK(message_of([&] {
          rescaled({sums, sums}, three);
        }) == "rescaled: shapes [4] and [3] differ");
  CHECK(message_of([&] {
          softmax_minus_targets(x, {three, sums}, indices({1, 2, 3, 4}), 0, 6, 1.0f);
        }) == "softmax_minus_targets: the maximum has shape [3], but needs 4 elements");
  CHECK(message_of([&] {
          softmax_minus_targets(x, {sums, sums}, indices({1, 2, 3, 4}), 0, 7, 1.0f);
        }) == "softmax_minus_targets: columns 0 to 7 of shape [4 × 6]");
  CHECK(contains(message_of([&] {
                   cross_entropy_backward(x, three, indices({1, 2, 3, 4}), 0, 1.0f);
                 }),
                 "shape [3]"));
}
