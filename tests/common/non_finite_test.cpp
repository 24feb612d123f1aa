// Infinities and NaN: they are kept where they must be noticed, whatever the compiler may do with
// the loops, and stay where they belong.
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/test_support.h"

using namespace shard;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// Normal numbers with `value` at place `place`.
std::vector<float> with(float value, int64_t place, int64_t count) {
  std::vector<float> values = random_matrix(1, count, "values").floats();
  values[static_cast<size_t>(place)] = value;
  return values;
}

Tensor tensor_with(float value, int64_t place, Shape shape) {
  return tensor(shape, with(value, place, shape.elements()));
}

/// Whether the bits are the same: NaN is equal to NaN.
bool same_bits(const Tensor& a, const Tensor& b) {
  const std::vector<float> left = a.to_host(), right = b.to_host();
  return left.size() == right.size() &&
         std::memcmp(left.data(), right.data(), left.size() * sizeof(float)) == 0;
}

/// The rows of x that have an infinity or NaN.
std::vector<int64_t> bad_rows(const Tensor& x) {
  const Matrix all(x);
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < all.rows; ++i) {
    bool finite = true;
    for (int64_t j = 0; j < all.columns; ++j) finite = finite && std::isfinite(all(i, j));
    if (!finite) rows.push_back(i);
  }
  return rows;
}

using Rows = std::vector<int64_t>;

}  // namespace

TEST_CASE("infinities and NaN: sums over a tensor show them, wherever they are") {
  for (const int64_t count : {1, 7, 1000, 40'000}) {
    for (const int64_t place : {int64_t{0}, count / 2, count - 1}) {
      for (const float bad : {not_a_number, infinity, -infinity}) {
        Tensor sum = Tensor::zeros(backend(), {1}), squares = sum.clone();
        add_sum(sum, tensor_with(bad, place, {count}));
        add_sum_of_squares(squares, tensor_with(bad, place, {count}));
        const float got = sum.to_host()[0], got_squares = squares.to_host()[0];
        CHECK((std::isnan(bad) ? std::isnan(got) : got == bad));
        CHECK((std::isnan(bad) ? std::isnan(got_squares) : got_squares == infinity));
      }
    }
  }
}

TEST_CASE("infinities and NaN: clip_factor is NaN, and AdamW changes nothing") {
  const int64_t count = 37;
  for (const float bad : {not_a_number, infinity}) {
    const Tensor sum = Tensor::full(backend(), {1}, bad);
    for (const float limit : {0.0f, 1.0f}) CHECK(std::isnan(clip_factor(sum, limit).to_host()[0]));
    for (const Tensor& factor : {sum, clip_factor(sum, 1.0f)}) {
      Tensor weight = tensor({count}, random_matrix(1, count, "w")), m = weight.clone(),
             v = Tensor::full(backend(), {count}, 0.5f);
      const Tensor before[] = {weight.clone(), m.clone(), v.clone()};
      adamw(weight, m, v, weight.clone(), factor, {.weight_decay = 0.1f});
      CHECK(same_bits(weight, before[0]));
      CHECK(same_bits(m, before[1]));
      CHECK(same_bits(v, before[2]));
    }
  }
}

TEST_CASE("infinities and NaN: AdamW passes on those of single gradients") {
  for (const float bad : {not_a_number, infinity}) {
    Tensor weight = tensor({5}, random_matrix(1, 5, "w")), m = Tensor::zeros(backend(), {5}),
           v = m.clone();
    adamw(weight, m, v, tensor_with(bad, 3, {5}), Tensor::full(backend(), {1}, 1.0f), {});
    CHECK(bad_rows(weight.reshape({5, 1})) == Rows{3});
  }
}

TEST_CASE("infinities and NaN: the softmax of -∞ is 0; NaN and ∞ reach the rows that see them") {
  const int64_t context = 19, place = 6;
  for (const float bad : {-infinity, not_a_number, infinity}) {
    Matrix scores = random_matrix(context, context, "scores");
    for (int64_t row = 0; row < context; ++row) scores(row, place) = bad;
    Tensor p = tensor({1, context, context}, scores);
    causal_softmax(p, 0.3f);
    Rows expected;
    for (int64_t row = place; row < context && bad != -infinity; ++row) expected.push_back(row);
    CHECK(bad_rows(p) == expected);
    const Matrix got(p);
    for (int64_t row = 0; row < context && bad == -infinity; ++row) {
      double sum = 0;
      for (int64_t i = 0; i < context; ++i) sum += got(row, i);
      CHECK(got(row, place) == 0.0);
      CHECK(sum == doctest::Approx(1.0));
    }
    Tensor dscores = tensor({1, context, context}, random_matrix(context, context, "dp"));
    causal_softmax_backward(dscores, p, 0.3f);
    CHECK(bad_rows(dscores) == expected);
  }
}

TEST_CASE("infinities and NaN: a row of layer norm, and no other") {
  const int64_t rows = 5, width = 33;
  const Tensor gain = tensor({width}, random_matrix(1, width, "gain")),
               bias = tensor({width}, random_matrix(1, width, "bias"));
  for (const float bad : {not_a_number, infinity}) {
    const Tensor x = tensor_with(bad, 2 * width + 7, {rows, width});
    const LayerNorm forward = layer_norm(x, gain, bias);
    CHECK(bad_rows(forward.y) == Rows{2});
    Tensor dgain = Tensor::zeros(backend(), {width}), dbias = dgain.clone();
    const Tensor dy = tensor({rows, width}, random_matrix(rows, width, "dy"));
    CHECK(bad_rows(layer_norm_backward(dy, x, forward, gain, dgain, dbias)) == Rows{2});
    const AddLayerNorm after = add_layer_norm(dy, x, gain, bias);
    CHECK(bad_rows(after.u) == Rows{2});
    CHECK(bad_rows(after.normed.y) == Rows{2});
    const LayerNorm of_dy = layer_norm(dy, gain, bias);
    CHECK(bad_rows(layer_norm_backward_add(dy, x, dy, of_dy, gain, dgain, dbias)) == Rows{2});
  }
}

TEST_CASE("infinities and NaN: elementwise operations") {
  const int64_t rows = 6, columns = 21;
  const Shape shape{rows, columns};
  for (const float bad : {not_a_number, infinity}) {
    const Tensor x = tensor_with(bad, 3 * columns + 4, shape);
    const Tensor ones = Tensor::full(backend(), shape, 1.0f);
    CHECK(bad_rows(gelu(x)) == Rows{3});
    CHECK(bad_rows(gelu_backward(ones, x)) == Rows{3});
    CHECK(bad_rows(add(x, x)) == Rows{3});
    Tensor y = x.clone();
    scale(y, 0.0f);  // 0 · ∞ is NaN
    CHECK(bad_rows(y) == Rows{3});
    accumulate(y = ones.clone(), x, 0.0f);
    CHECK(bad_rows(y) == Rows{3});
    add_bias(y = x.clone(), Tensor::full(backend(), {columns}, 2.0f));
    CHECK(bad_rows(y) == Rows{3});
    Tensor sums = Tensor::zeros(backend(), {columns});
    add_column_sums(sums, x);
    CHECK(bad_rows(sums.reshape({columns, 1})) == Rows{4});
  }
}

TEST_CASE("infinities and NaN: the parts of the cross entropy") {
  const int64_t rows = 4, columns = 23;
  const Shape shape{rows, columns};
  for (const float bad : {not_a_number, infinity, -infinity}) {
    Tensor x = tensor_with(bad, columns + 9, shape);
    const Tensor max = row_max(x, columns), targets = indices({0, 9, 22, 5});
    CHECK(bad_rows(row_sum(x, columns).reshape({rows, 1})) == Rows{1});
    const Tensor picked = pick(x, targets, 0), sums = exp_and_row_sum(x, max, columns);
    const Rows expected = bad == -infinity ? Rows{} : Rows{1};
    Tensor logits = tensor_with(bad, columns + 9, shape);
    const ExpSums in_one_pass = exp_sums(logits, columns);
    CHECK(bad_rows(in_one_pass.sums.reshape({rows, 1})) == expected);
    CHECK(bad_rows(rescaled(in_one_pass, in_one_pass.max).reshape({rows, 1})) == expected);
    softmax_minus_targets(logits, in_one_pass, targets, 0, columns, 0.5f);
    CHECK(bad_rows(logits) == expected);
    CHECK(bad_rows(sums.reshape({rows, 1})) == expected);
    CHECK(bad_rows(cross_entropy(sums, max, picked).reshape({rows, 1})) == Rows{1});
    if (bad == -infinity) CHECK(Matrix(x)(1, 9) == 0.0);
    cross_entropy_backward(x, sums, targets, 0, 0.5f);
    CHECK(bad_rows(x) == expected);
  }
}
