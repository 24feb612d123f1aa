// Attention in bf16 on tensor cores: against double precision, for all widths of heads, for lengths
// at which whole warps and parts of one are past the end, for positions from which queries see some
// keys or none, and with dropout.
#include <algorithm>
#include <cmath>

#include "common/base/bfloat16.h"
#include "common/tensor/attention.h"
#include "common/tensor/attention_tiles.h"
#include "common/tensor/ops.h"
#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;

namespace {

constexpr double few_roundings = 0x1p-8;  // p, ds and the results are rounded to 8 bits

struct Sizes {
  int64_t matrices = 2, queries = 150, keys = 150, width = 64, first_query = 0, first_key = 0;
  float dropout = 0;
};

/// Random inputs, rounded to bf16.
struct Inputs {
  Matrix q, k, v, dout;  // [matrices·queries × width], [matrices·keys × width]

  explicit Inputs(const Sizes& sizes)
      : q(rounded(sizes.matrices * sizes.queries, sizes.width, "q")),
        k(rounded(sizes.matrices * sizes.keys, sizes.width, "k")),
        v(rounded(sizes.matrices * sizes.keys, sizes.width, "v")),
        dout(rounded(sizes.matrices * sizes.queries, sizes.width, "dout")) {}

 private:
  static Matrix rounded(int64_t rows, int64_t columns, std::string_view name) {
    Matrix x = random_matrix(rows, columns, name);
    for (double& value : x.values) value = BFloat16(static_cast<float>(value));
    return x;
  }
};

AttentionSettings settings_of(const Sizes& sizes) {
  const int64_t context = std::max(sizes.first_query + sizes.queries, sizes.first_key + sizes.keys);
  return {.scale = 1.0f / std::sqrt(static_cast<float>(sizes.width)),
          .first_query = sizes.first_query,
          .first_key = sizes.first_key,
          .dropout = {.probability = sizes.dropout,
                      .random = {5, stream_of("dropout")},
                      .first_sequence = 3,
                      .heads = sizes.matrices,
                      .all_heads = sizes.matrices,
                      .context = context}};
}

/// What is expected, in double precision.
struct Expected {
  Matrix output, dq, dk, dv;
  std::vector<double> log_sum_exp;

  Expected(const Sizes& sizes, const Inputs& in)
      : output(in.q.rows, sizes.width),
        dq(in.q.rows, sizes.width),
        dk(in.k.rows, sizes.width),
        dv(in.k.rows, sizes.width) {
    for (int64_t m = 0; m < sizes.matrices; ++m) {
      for (int64_t i = 0; i < sizes.queries; ++i) add_query(sizes, in, m, i);
    }
  }

 private:
  void add_query(const Sizes& sizes, const Inputs& in, int64_t matrix, int64_t query) {
    const AttentionSettings settings = settings_of(sizes);
    const int64_t row = matrix * sizes.queries + query, first = matrix * sizes.keys,
                  seen = std::clamp<int64_t>(sizes.first_query + query + 1 - sizes.first_key, 0,
                                             sizes.keys);
    std::vector<double> p(static_cast<size_t>(seen));
    double max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < seen; ++j) {
      double& score = p[static_cast<size_t>(j)];
      for (int64_t c = 0; c < sizes.width; ++c) score += in.q(row, c) * in.k(first + j, c);
      score *= double{settings.scale};
      max = std::max(max, score);
    }
    for (double& score : p) sum += score = std::exp(score - max);
    log_sum_exp.push_back(seen == 0 ? -INFINITY : max + std::log(sum));
    for (int64_t j = 0; j < seen; ++j) {
      p[static_cast<size_t>(j)] /= sum;
      const double kept = double{settings.factor(matrix, query, j)} * p[static_cast<size_t>(j)];
      for (int64_t c = 0; c < sizes.width; ++c) output(row, c) += kept * in.v(first + j, c);
    }
    double of_output = 0;
    for (int64_t c = 0; c < sizes.width; ++c) of_output += in.dout(row, c) * output(row, c);
    for (int64_t j = 0; j < seen; ++j) {
      const double factor = settings.factor(matrix, query, j),
                   probability = p[static_cast<size_t>(j)];
      double dp = 0;
      for (int64_t c = 0; c < sizes.width; ++c) dp += in.dout(row, c) * in.v(first + j, c);
      const double ds = double{settings.scale} * probability * (factor * dp - of_output);
      for (int64_t c = 0; c < sizes.width; ++c) {
        dq(row, c) += ds * in.k(first + j, c);
        dk(first + j, c) += ds * in.q(row, c);
        dv(first + j, c) += factor * probability * in.dout(row, c);
      }
    }
  }
};

Tensor bf16(const Matrix& x, int64_t matrices) {
  return cast(tensor({matrices, x.rows / matrices, x.columns}, x), DataType::bf16);
}

struct Got {
  AttentionResult result;
  AttentionGradients gradients;

  Got(const Sizes& sizes, const Inputs& in) {
    const Tensor q = bf16(in.q, sizes.matrices), k = bf16(in.k, sizes.matrices),
                 v = bf16(in.v, sizes.matrices), dout = bf16(in.dout, sizes.matrices);
    result = attention(q, k, v, settings_of(sizes));
    gradients = attention_backward(dout, q, k, v, result, settings_of(sizes));
  }
};

double error(const Tensor& got, const Matrix& expected) {
  return relative_error(cast(got, DataType::f32).to_host(), expected.values);
}

void check(const Sizes& sizes) {
  CAPTURE(sizes.width);
  CAPTURE(sizes.first_query);
  CAPTURE(sizes.first_key);
  const Inputs in(sizes);
  const Expected expected(sizes, in);
  const Got got(sizes, in);
  CHECK(error(got.result.output, expected.output) < few_roundings);
  CHECK(error(got.gradients.dq, expected.dq) < few_roundings);
  CHECK(error(got.gradients.dk, expected.dk) < few_roundings);
  CHECK(error(got.gradients.dv, expected.dv) < few_roundings);
  const std::vector<float> log_sum_exp = got.result.log_sum_exp.to_host();
  for (size_t i = 0; i < log_sum_exp.size(); ++i) {
    const double one = log_sum_exp[i], right = expected.log_sum_exp[i];
    CHECK((one == right || std::abs(one - right) < 1e-5));
  }
}

bool device_has_bf16() { return backend().computes_in(DataType::bf16); }

}  // namespace

TEST_CASE("tiled attention: each of 4 warps has whole fragments of its products") {
  for (const int width : {32, 64, 96, 128}) {
    for (const AttentionTiles tiles :
         {forward_tiles(width), query_gradient_tiles(width), key_gradient_tiles(width)}) {
      CHECK(tiles.rows % (4 * 16) == 0);
      CHECK(tiles.columns % 16 == 0);
    }
  }
}

TEST_CASE("tiled attention: lengths that are no multiple of a tile, heads of all widths") {
  if (!device_has_bf16()) return;
  check({});
  check({.matrices = 3, .queries = 1, .keys = 1, .width = 32});
  for (const int64_t width : {32, 96, 128})
    check({.matrices = 1, .queries = 101, .keys = 101, .width = width});
}

TEST_CASE("tiled attention: queries and keys from any positions") {
  if (!device_has_bf16()) return;
  // the first query sees all keys of a tile but one
  check({.queries = 40, .keys = 70, .width = 32, .first_query = 62});
  check({.queries = 96, .keys = 80, .width = 32, .first_query = 40, .first_key = 70});
  check({.queries = 130, .keys = 20, .width = 32, .first_key = 3});
}

TEST_CASE("tiled attention: queries that see no key at all") {
  if (!device_has_bf16()) return;
  const Sizes sizes{.queries = 64, .keys = 70, .width = 32, .first_query = 5, .first_key = 69};
  const Inputs in(sizes);
  const Got got(sizes, in);
  const auto all_are = [](const Tensor& x, float value) {
    return std::ranges::all_of(x.to_host(), [=](float element) { return element == value; });
  };
  CHECK(all_are(got.result.log_sum_exp, -INFINITY));
  for (const Tensor& x : {got.result.output, got.gradients.dq, got.gradients.dk, got.gradients.dv})
    CHECK(all_are(cast(x, DataType::f32), 0.0f));
}

TEST_CASE("tiled attention: rows of V that no query sees may hold anything, as those of a cache") {
  if (!device_has_bf16()) return;
  const Sizes sizes{.queries = 3, .keys = 100, .width = 32, .first_query = 47};
  Inputs in(sizes);
  const Expected expected(sizes, in);
  for (int64_t matrix = 0; matrix < sizes.matrices; ++matrix) {
    for (int64_t key = 50; key < sizes.keys; ++key)
      in.k(matrix * sizes.keys + key, 0) = in.v(matrix * sizes.keys + key, 0) = NAN;
  }
  const AttentionResult result = attention(bf16(in.q, sizes.matrices), bf16(in.k, sizes.matrices),
                                           bf16(in.v, sizes.matrices), settings_of(sizes));
  CHECK(error(result.output, expected.output) < few_roundings);
}

TEST_CASE("tiled attention: dropout by index, in both directions") {
  if (!device_has_bf16()) return;
  // Four keys that follow each other have their random numbers from one call, if the context and
  // the first key's position are multiples of 4, and else from several.
  check({.queries = 72, .keys = 72, .width = 64, .dropout = 0.3f});
  check(
      {.queries = 40, .keys = 70, .width = 32, .first_query = 36, .first_key = 4, .dropout = 0.3f});
  check({.queries = 70, .keys = 70, .width = 64, .dropout = 0.3f});
  check(
      {.queries = 40, .keys = 75, .width = 32, .first_query = 36, .first_key = 1, .dropout = 0.3f});
  for (const int64_t width : {96, 128})
    check({.matrices = 1, .queries = 36, .keys = 36, .width = width, .dropout = 0.3f});
}

TEST_CASE("tiled attention: the same bits in every run") {
  if (!device_has_bf16()) return;
  const Sizes sizes{.queries = 100, .keys = 100, .width = 32};
  const Inputs in(sizes);
  const Got first(sizes, in), second(sizes, in);  // in another order of threads, if that is random
  CHECK(first.result.output.to_host() == second.result.output.to_host());
  CHECK(first.gradients.dq.to_host() == second.gradients.dq.to_host());
  CHECK(first.gradients.dk.to_host() == second.gradients.dk.to_host());
  CHECK(first.gradients.dv.to_host() == second.gradients.dv.to_host());
}

TEST_CASE("tiled attention: as chapter 06 writes it out, step by step") {
  if (!device_has_bf16()) return;
  const Sizes sizes{.queries = 70, .keys = 70, .width = 64};
  const Inputs in(sizes);
  const Got got(sizes, in);
  const Tensor q = bf16(in.q, sizes.matrices), k = bf16(in.k, sizes.matrices),
               v = bf16(in.v, sizes.matrices), dout = bf16(in.dout, sizes.matrices);
  const float scale = settings_of(sizes).scale;
  Tensor p = causal_scores(q, k);
  causal_softmax(p, scale);
  Tensor dscores = causal_scores(dout, v);
  causal_softmax_backward(dscores, p, scale);
  const auto agree = [](const Tensor& one, const Tensor& other) {
    return relative_error(cast(one, DataType::f32), cast(other, DataType::f32)) < 2 * few_roundings;
  };
  CHECK(agree(got.result.output, matmul(lower(p), v)));
  CHECK(agree(got.gradients.dq, matmul(lower(dscores), k)));
  CHECK(agree(got.gradients.dk, matmul(transposed(lower(dscores)), q)));
  CHECK(agree(got.gradients.dv, matmul(transposed(lower(p)), dout)));
}

// That it is the tiled kernel shows where the plain one would do more: 0 · NaN is NaN.
TEST_CASE("tiled attention: a NaN in V reaches all queries of its tiles, and no others") {
  if (!device_has_bf16()) return;
  for (const int64_t width : {32, 64, 96, 128}) {
    const Sizes sizes{.matrices = 1, .queries = 80, .keys = 80, .width = width};
    Inputs in(sizes);
    in.v(70, 3) = NAN;
    const int64_t rows = forward_tiles(static_cast<int>(width)).rows, first = 70 / rows * rows;
    const Matrix output(cast(Got(sizes, in).result.output, DataType::f32));
    for (int64_t i = 0; i < sizes.queries; ++i) CHECK(std::isnan(output(i, 3)) == (i >= first));
    for (int64_t i = 0; i < sizes.queries; ++i) CHECK(!std::isnan(output(i, 4)));
  }
}
