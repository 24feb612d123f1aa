// Attention as one operation: against double precision, in parts that are merged, and backward.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/bfloat16.h"
#include "common/tensor/attention.h"
#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;

namespace {

/// All sequences and heads of one small batch, and what attention must make of them.
struct Problem {
  int64_t batch = 2, context = 17, heads = 3, head_width = 5;
  float probability = 0;
  Matrix qkv, dout;  // [batch·context × 3·width], [batch·context × width]

  Problem(float dropout_probability, int64_t context_length = 17, double deviation = 1.0)
      : context(context_length),
        probability(dropout_probability),
        qkv(random_matrix(batch * context, 3 * width(), "qkv", deviation)),
        dout(random_matrix(batch * context, width(), "dout")) {}

  int64_t width() const { return heads * head_width; }
  int64_t matrices() const { return batch * heads; }
  ProbabilityDropout dropout() const {
    return {.probability = probability,
            .random = {7, stream_of("dropout")},
            .heads = heads,
            .all_heads = heads,
            .context = context};
  }
  AttentionSettings settings(int64_t first_query, int64_t first_key) const {
    return {.scale = 1.0f / std::sqrt(static_cast<float>(head_width)),
            .first_query = first_query,
            .first_key = first_key,
            .dropout = dropout()};
  }
  /// As reference::attention and chapter 06 count: a mask of [matrices × context × context].
  double factor(int64_t matrix, int64_t query, int64_t key) const {
    const int64_t index = (matrix * context + query) * context + key;
    const bool drop = dropout().random.uniform(static_cast<uint64_t>(index)) < probability;
    return drop ? 0.0 : 1.0 / (1.0 - double{probability});
  }
  Matrix expected(const Matrix& point) const {
    return reference::attention(point, batch, heads,
                                [&](int64_t m, int64_t i, int64_t j) { return factor(m, i, j); });
  }
  struct LogSumExp {
    double value = 0;
    double of_terms =
        0;  // the largest sum of a score's terms without their signs: f32 rounds those
  };
  LogSumExp expected_log_sum_exp(int64_t matrix, int64_t query) const {
    const int64_t first = matrix / heads * context, column = matrix % heads * head_width;
    const double scale = settings(0, 0).scale;
    std::vector<double> scores;
    LogSumExp expected;
    for (int64_t key = 0; key <= query; ++key) {
      double score = 0, of_terms = 0;
      for (int64_t c = column; c < column + head_width; ++c) {
        const double term = qkv(first + query, c) * qkv(first + key, width() + c) * scale;
        score += term;
        of_terms += std::abs(term);
      }
      scores.push_back(score);
      expected.of_terms = std::max(expected.of_terms, of_terms);
    }
    const double max = *std::max_element(scores.begin(), scores.end());
    for (const double score : scores) expected.value += std::exp(score - max);
    expected.value = max + std::log(expected.value);
    return expected;
  }
  /// Positions `range` of each sequence, in heads: of Q (0), K (1) or V (2).
  Tensor part(int which, Range range) const { return part_of_columns(qkv, which, range); }
  Tensor dout_of(Range range) const { return part_of_columns(dout, 0, range); }

 private:
  Tensor part_of_columns(const Matrix& from, int which, Range range) const {
    Matrix rows(batch * range.size(), from.columns);
    for (int64_t i = 0; i < rows.rows; ++i) {
      const int64_t row = i / range.size() * context + range.begin + i % range.size();
      for (int64_t j = 0; j < from.columns; ++j) rows(i, j) = from(row, j);
    }
    return split_heads(tensor(rows), which * width(), batch, heads, head_width);
  }
};

/// What a block of queries sees of several blocks of keys, merged in the order of `keys`.
AttentionResult merged(const Problem& problem, Range queries, const std::vector<Range>& keys) {
  AttentionResult result;
  for (const Range range : keys) {
    AttentionResult part =
        attention(problem.part(0, queries), problem.part(1, range), problem.part(2, range),
                  problem.settings(queries.begin, range.begin));
    if (!result.output) {
      result = part;
    } else {
      merge(result, part);
    }
  }
  return result;
}

/// Rows of `part` [matrices × rows × columns] are added to those from `first` on of `whole`.
void add_to(Matrix& whole, int64_t context, const Tensor& part, int64_t first) {
  const Matrix rows(part);
  const int64_t each = part.shape()[1];
  for (int64_t i = 0; i < rows.rows; ++i) {
    for (int64_t c = 0; c < rows.columns; ++c)
      whole(i / each * context + first + i % each, c) += rows(i, c);
  }
}

/// dQ, dK and dV, all blocks of queries and keys added up: [batch·context × 3·width].
std::vector<float> gradients(const Problem& problem, const std::vector<Range>& queries,
                             const std::vector<Range>& keys) {
  const int64_t rows = problem.matrices() * problem.context;
  Matrix sums[3] = {
      {rows, problem.head_width}, {rows, problem.head_width}, {rows, problem.head_width}};
  for (const Range q : queries) {
    const AttentionResult whole = merged(problem, q, keys);
    for (const Range k : keys) {
      const AttentionGradients part =
          attention_backward(problem.dout_of(q), problem.part(0, q), problem.part(1, k),
                             problem.part(2, k), whole, problem.settings(q.begin, k.begin));
      add_to(sums[0], problem.context, part.dq, q.begin);
      add_to(sums[1], problem.context, part.dk, k.begin);
      add_to(sums[2], problem.context, part.dv, k.begin);
    }
  }
  Tensor dqkv = tensor(problem.qkv);
  for (int i = 0; i < 3; ++i) {
    merge_heads(dqkv, i * problem.width(),
                tensor({problem.matrices(), problem.context, problem.head_width}, sums[i]));
  }
  return dqkv.to_host();
}

Matrix tokens_of(const Problem& problem, const Tensor& heads) {
  Tensor tokens(backend(), {problem.batch * problem.context, problem.width()});
  merge_heads(tokens, 0, cast(heads, DataType::f32));
  return Matrix(tokens);
}

void check_log_sum_exp(const Problem& problem, const AttentionResult& result) {
  const std::vector<float> got = result.log_sum_exp.to_host();
  for (int64_t row = 0; row < std::ssize(got); ++row) {
    const Problem::LogSumExp expected =
        problem.expected_log_sum_exp(row / problem.context, row % problem.context);
    CHECK(std::abs(double{got[static_cast<size_t>(row)]} - expected.value) <
          1e-5 + 1e-6 * expected.of_terms);
  }
}

bool all_are(const Tensor& x, float value) {
  return std::ranges::all_of(x.to_host(), [=](float element) { return element == value; });
}

}  // namespace

TEST_CASE("attention: output and log-sum-exp against double precision, with dropout and without") {
  for (const float probability : {0.0f, 0.3f}) {
    for (const int64_t context : {1, 17, 129, 150}) {
      CAPTURE(probability);
      CAPTURE(context);
      const Problem problem(probability, context);
      const Range all{0, context};
      const AttentionResult result = merged(problem, all, {all});
      CHECK(relative_error(tokens_of(problem, result.output).floats(),
                           problem.expected(problem.qkv).values) < 1e-6);
      check_log_sum_exp(problem, result);
    }
  }
}

TEST_CASE("attention: large scores neither overflow nor vanish") {
  const Problem problem(0, 17, 40.0);
  const AttentionResult result = merged(problem, {0, 17}, {{0, 17}});
  CHECK(relative_error(tokens_of(problem, result.output).floats(),
                       problem.expected(problem.qkv).values) < 1e-3);
  check_log_sum_exp(problem, result);
}

TEST_CASE("attention: keys in two and three blocks, merged in any order, are the whole") {
  for (const float probability : {0.0f, 0.3f}) {
    const Problem problem(probability);
    for (const Range queries : {Range{0, 17}, Range{0, 3}, Range{3, 9}, Range{14, 17}}) {
      const AttentionResult whole = merged(problem, queries, {{0, 17}});
      for (std::vector<Range> blocks :
           {std::vector<Range>{{0, 6}, {6, 17}}, std::vector<Range>{{0, 4}, {4, 11}, {11, 17}},
            std::vector<Range>{{0, 1}, {1, 16}, {16, 17}}}) {
        std::vector<size_t> order(blocks.size());
        std::iota(order.begin(), order.end(), size_t{0});
        do {
          std::vector<Range> keys;
          for (const size_t i : order) keys.push_back(blocks[i]);
          const AttentionResult parts = merged(problem, queries, keys);
          CHECK(relative_error(parts.output, whole.output) < 1e-6);
          CHECK(relative_error(parts.log_sum_exp, whole.log_sum_exp) < 1e-6);
        } while (std::next_permutation(order.begin(), order.end()));
      }
    }
  }
}

TEST_CASE("attention: queries that are not all, and keys that are not all, are rows of the whole") {
  const Problem problem(0.3f);
  const Range queries{5, 12}, keys{0, 12};  // keys after 12 are in the future of all of them
  const Matrix got(merged(problem, queries, {keys}).output),
      whole(merged(problem, {0, 17}, {{0, 17}}).output);
  for (int64_t i = 0; i < got.rows; ++i) {
    for (int64_t c = 0; c < got.columns; ++c) {
      const int64_t row = i / queries.size() * 17 + queries.begin + i % queries.size();
      CHECK(got(i, c) == doctest::Approx(whole(row, c)).epsilon(1e-5));
    }
  }
}

TEST_CASE("attention: a block in the future gives zeros and -∞, and merging it changes no bit") {
  const Problem problem(0.3f);
  const Range early{0, 5}, late{9, 17};
  const AttentionResult nothing = merged(problem, early, {late});
  CHECK(all_are(nothing.output, 0.0f));
  CHECK(all_are(nothing.log_sum_exp, -INFINITY));
  const AttentionResult seen = merged(problem, early, {{0, 9}});
  for (const auto& order : {std::vector<Range>{{0, 9}, late}, std::vector<Range>{late, {0, 9}}}) {
    const AttentionResult both = merged(problem, early, order);
    CHECK(both.output.to_host() == seen.output.to_host());
    CHECK(both.log_sum_exp.to_host() == seen.log_sum_exp.to_host());
  }
  AttentionResult still_nothing{nothing.output.clone(), nothing.log_sum_exp.clone()};
  merge(still_nothing, nothing);
  CHECK(all_are(still_nothing.output, 0.0f));
  CHECK(all_are(still_nothing.log_sum_exp, -INFINITY));
  for (const AttentionResult& whole : {seen, nothing}) {
    const AttentionGradients none =
        attention_backward(problem.dout_of(early), problem.part(0, early), problem.part(1, late),
                           problem.part(2, late), whole, problem.settings(0, late.begin));
    for (const Tensor& gradient : {none.dq, none.dk, none.dv}) CHECK(all_are(gradient, 0.0f));
  }
}

TEST_CASE("attention: backward against finite differences, whole and in parts that add up") {
  using Ranges = std::vector<Range>;
  for (const float probability : {0.0f, 0.3f}) {
    const Problem problem(probability);
    const auto loss = [&](const Matrix& point) {
      return dot(problem.expected(point), problem.dout);
    };
    const std::vector<float> whole = gradients(problem, {{0, 17}}, {{0, 17}});
    CHECK(reference::finite_difference_error(loss, problem.qkv, whole, {3, 4}, 60) < 1e-5);
    const Matrix expected(
        tensor({std::ssize(whole)}, whole).reshape({problem.qkv.rows, problem.qkv.columns}));
    for (const auto& [queries, keys] :
         {std::pair{Ranges{{0, 17}}, Ranges{{6, 17}, {0, 6}}},
          std::pair{Ranges{{0, 7}, {7, 17}}, Ranges{{0, 17}}},
          std::pair{Ranges{{4, 17}, {0, 4}}, Ranges{{0, 3}, {12, 17}, {3, 12}}}}) {
      CHECK(relative_error(gradients(problem, queries, keys), expected.values) < 1e-6);
    }
  }
}

TEST_CASE("attention: backward of more queries and keys than a block of threads takes at once") {
  const Problem problem(0.2f, 150);
  const auto loss = [&](const Matrix& point) { return dot(problem.expected(point), problem.dout); };
  CHECK(reference::finite_difference_error(loss, problem.qkv,
                                           gradients(problem, {{0, 150}}, {{0, 131}, {131, 150}}),
                                           {3, 4}, 12) < 1e-5);
}

TEST_CASE("attention: dropout of some sequences and heads is theirs in the whole batch") {
  const Problem problem(0.4f);
  const Range all{0, 17};
  const Tensor whole = merged(problem, all, {all}).output;
  for (const int64_t matrix : {1, 4, 5}) {  // one head of one sequence each
    AttentionSettings settings = problem.settings(0, 0);
    settings.dropout.first_sequence = matrix / problem.heads;
    settings.dropout.first_head = matrix % problem.heads;
    settings.dropout.heads = 1;
    const auto one = [&](int which) {
      const Tensor part = problem.part(which, all);
      return part.reshape({problem.matrices() * 17, problem.head_width})
          .slice({matrix * 17, (matrix + 1) * 17})
          .reshape({1, 17, problem.head_width});
    };
    CHECK(attention(one(0), one(1), one(2), settings).output.to_host() ==
          whole.reshape({problem.matrices() * 17, problem.head_width})
              .slice({matrix * 17, (matrix + 1) * 17})
              .to_host());
  }
}

TEST_CASE("attention: NaN in a key reaches the queries that see it, and no other") {
  const int64_t context = 9, width = 4, bad = 5;
  std::vector<float> keys = random_matrix(context, width, "k").floats();
  keys[bad * width + 1] = NAN;
  const Shape shape{1, context, width};
  const Tensor q = tensor(shape, random_matrix(context, width, "q")), k = tensor(shape, keys);
  const AttentionResult result =
      attention(q, k, tensor(shape, random_matrix(context, width, "v")), {});
  const Matrix output(result.output);
  for (int64_t i = 0; i < context; ++i) {
    CHECK(std::isnan(output(i, 2)) == (i >= bad));
    CHECK(std::isnan(result.log_sum_exp.to_host()[static_cast<size_t>(i)]) == (i >= bad));
  }
}

TEST_CASE("attention: no queries, or no keys") {
  const Tensor some = tensor({2, 3, 4}, random_matrix(6, 4, "x")), none(backend(), {2, 0, 4});
  const AttentionResult without_keys = attention(some, none, none, {});
  CHECK(all_are(without_keys.output, 0.0f));
  CHECK(all_are(without_keys.log_sum_exp, -INFINITY));
  CHECK(all_are(attention_backward(some, some, none, none, without_keys, {}).dq, 0.0f));
  const AttentionResult without_queries = attention(none, some, some, {});
  CHECK(without_queries.output.elements() == 0);
  CHECK(all_are(attention_backward(none, none, some, some, without_queries, {}).dk, 0.0f));
}

TEST_CASE("attention: bf16 against double precision, and parts merged in f32") {
  if (!backend().computes_in(DataType::bf16)) return;
  Problem problem(0.3f);
  for (double& value : problem.qkv.values) value = BFloat16(static_cast<float>(value));
  for (double& value : problem.dout.values) value = BFloat16(static_cast<float>(value));
  const auto rounded = [](const Tensor& x) { return cast(x, DataType::bf16); };
  const Range all{0, 17}, early{0, 7}, late{7, 17};
  const auto of = [&](Range keys) {
    return attention(rounded(problem.part(0, all)), rounded(problem.part(1, keys)),
                     rounded(problem.part(2, keys)), problem.settings(0, keys.begin));
  };
  const AttentionResult whole = of(all);
  CHECK(whole.output.type() == DataType::bf16);
  const Matrix expected = problem.expected(problem.qkv);
  CHECK(relative_error(tokens_of(problem, whole.output).floats(), expected.values) < 0x1p-8);
  check_log_sum_exp(problem, whole);
  AttentionResult sum = of(early);
  sum.output = cast(sum.output, DataType::f32);
  merge(sum, of(late));
  CHECK(relative_error(tokens_of(problem, sum.output).floats(), expected.values) < 0x1p-7);

  const AttentionGradients got =
      attention_backward(rounded(problem.dout_of(all)), rounded(problem.part(0, all)),
                         rounded(problem.part(1, all)), rounded(problem.part(2, all)), whole,
                         problem.settings(0, 0));
  const AttentionGradients in_f32 =
      attention_backward(problem.dout_of(all), problem.part(0, all), problem.part(1, all),
                         problem.part(2, all), merged(problem, all, {all}), problem.settings(0, 0));
  CHECK(relative_error(cast(got.dq, DataType::f32), in_f32.dq) < 0x1p-6);
  CHECK(relative_error(cast(got.dk, DataType::f32), in_f32.dk) < 0x1p-6);
  CHECK(relative_error(cast(got.dv, DataType::f32), in_f32.dv) < 0x1p-6);
}

namespace {

/// One pass with heads side by side in the rows of tokens, and the same with a matrix for each.
void check_heads_in_columns(DataType type, int64_t head_width) {
  const int64_t batch = 2, context = 40, heads = 3, width = heads * head_width;
  CAPTURE(head_width);
  const auto random = [&](int64_t columns, const std::string& name) {
    return cast(tensor(random_matrix(batch * context, columns, name)), type);
  };
  const Tensor qkv = random(3 * width, "qkv"), dout = random(width, "dout");
  Tensor dqkv(backend(), qkv.shape(), type);
  const auto in_columns = [&](const Tensor& x, int number) {
    return heads_in_columns(x, number * width, batch, heads, head_width);
  };
  const auto apart = [&](const Tensor& x, int number) {
    return split_heads(x, number * width, batch, heads, head_width);
  };
  AttentionResult result =
      attention(in_columns(qkv, 0), in_columns(qkv, 1), in_columns(qkv, 2), {});
  const AttentionResult expected = attention(apart(qkv, 0), apart(qkv, 1), apart(qkv, 2), {});
  CHECK(result.output.shape() == Shape{batch * context, width});
  CHECK(apart(result.output, 0).to_host() == expected.output.to_host());
  CHECK(result.log_sum_exp.to_host() == expected.log_sum_exp.to_host());

  attention_backward(in_columns(dqkv, 0), in_columns(dqkv, 1), in_columns(dqkv, 2),
                     in_columns(dout, 0), in_columns(qkv, 0), in_columns(qkv, 1),
                     in_columns(qkv, 2), result, {});
  const AttentionGradients gradients =
      attention_backward(apart(dout, 0), apart(qkv, 0), apart(qkv, 1), apart(qkv, 2), expected, {});
  CHECK(apart(dqkv, 0).to_host() == gradients.dq.to_host());
  CHECK(apart(dqkv, 1).to_host() == gradients.dk.to_host());
  CHECK(apart(dqkv, 2).to_host() == gradients.dv.to_host());

  AttentionResult of_matrices{expected.output.clone(), expected.log_sum_exp.clone()};
  merge(of_matrices, expected);
  merge(result, {result.output.clone(), result.log_sum_exp.clone()});
  CHECK(apart(result.output, 0).to_host() == of_matrices.output.to_host());
  CHECK(result.log_sum_exp.to_host() == of_matrices.log_sum_exp.to_host());
}

}  // namespace

TEST_CASE("attention: heads side by side in the rows of tokens are read and written there") {
  for (const int64_t head_width : {5, 32}) {
    check_heads_in_columns(DataType::f32, head_width);
    if (backend().computes_in(DataType::bf16)) check_heads_in_columns(DataType::bf16, head_width);
  }
}

TEST_CASE("attention: heads that are not there are refused") {
  const Tensor x(backend(), {6, 8});
  CHECK(message_of([&] { Heads heads(x); }) ==
        "heads: a tensor [6 × 8] is not [matrices × rows × head_width]");
  CHECK(message_of([&] { heads_in_columns(x, 0, 4, 2, 4); }) ==
        "heads: [6 × 8] is not 4 sequences of tokens with 2 heads each");
  CHECK(message_of([&] { heads_in_columns(x, 4, 2, 2, 4); }) ==
        "heads: columns 4 to 12 of shape [6 × 8]");
}

TEST_CASE("attention: what does not fit is refused with one sentence") {
  const Tensor q(backend(), {4, 3, 5}), k(backend(), {4, 7, 5}), narrow(backend(), {4, 7, 6});
  AttentionSettings settings;
  CHECK(contains(message_of([&] { attention(q, narrow, narrow, settings); }),
                 "attention: queries [4 × 3 × 5] and keys [4 × 7 × 6] are not"));
  CHECK(message_of([&] { attention(q, k, narrow, settings); }) ==
        "attention: shapes [4 × 7 × 5] and [4 × 7 × 6] differ");
  settings.dropout.probability = 1.0f;
  CHECK(contains(message_of([&] { attention(q, k, k, settings); }), "1 is not in [0, 1)"));
  settings.dropout = {.probability = 0.5f, .random = {}, .heads = 3, .all_heads = 3, .context = 7};
  CHECK(contains(message_of([&] { attention(q, k, k, settings); }),
                 "4 matrices are not sequences of heads 0 to 3 of 3"));
  settings.dropout.heads = 2;
  settings.first_key = 1;
  CHECK(contains(message_of([&] { attention(q, k, k, settings); }),
                 "end at position 8 of a context of 7"));
  AttentionResult a{q, Tensor(backend(), {4, 3})}, b{k, Tensor(backend(), {4, 7})};
  CHECK(message_of([&] { merge(a, b); }) == "merge: shapes [4 × 3 × 5] and [4 × 7 × 5] differ");
  CHECK(contains(message_of([&] { attention_backward(q, q, k, k, b, {}); }),
                 "attention_backward: shapes [4 × 7 × 5] and [4 × 3 × 5] differ"));
}
