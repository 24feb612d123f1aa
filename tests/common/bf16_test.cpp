// bfloat16: its numbers, and every operation on tensors of them against double precision on the
// same rounded inputs. A result of bf16 is rounded once, at the end: sums are f32.
#include <cmath>
#include <limits>

#include "common/base/bfloat16.h"
#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;

namespace {

// half a unit of the last of 8 bits, and a little for what came before
constexpr double one_rounding = 0x1.01p-8;
constexpr double f32_sum = 1e-6;

bool device_has_bf16() { return backend().computes_in(DataType::bf16); }

/// Sizes that fill whole packs of 16 bytes, that do not, and that are empty; and where in memory
/// the first element is.
struct Layout {
  int64_t rows, columns, offset;
};

const Layout layouts[] = {{9, 24, 0},   {5, 7, 0}, {4, 32, 1}, {3, 29, 5},
                          {70, 264, 0}, {1, 1, 0}, {0, 8, 0}};

/// The matrix rounded to bf16, `layout.offset` elements after an address of 16 bytes.
Tensor rounded(const Layout& layout, std::string_view name, double deviation = 1.0) {
  const int64_t count = layout.rows * layout.columns;
  Tensor memory(backend(), {layout.offset + count}, DataType::bf16);
  Tensor x =
      memory.slice({layout.offset, layout.offset + count}).reshape({layout.rows, layout.columns});
  x.assign(random_matrix(layout.rows, layout.columns, name, deviation).floats());
  return x;
}

Tensor rounded_row(const Layout& layout, std::string_view name) {
  return rounded({1, layout.columns, layout.offset}, name).reshape({layout.columns});
}

Matrix row_of(const Tensor& x) { return Matrix(x.reshape({1, x.elements()})); }

/// out(i, j) = f(i, j).
template <class F>
Matrix matrix_of(int64_t rows, int64_t columns, const F& f) {
  Matrix out(rows, columns);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) out(i, j) = f(i, j);
  }
  return out;
}

}  // namespace

TEST_CASE("bf16: numbers are rounded to the nearest, ties to even") {
  const std::pair<uint32_t, uint16_t> bits[] = {
      {0x3F800000, 0x3F80},                        // 1
      {0x00000000, 0x0000}, {0x80000000, 0x8000},  // 0 and -0
      {0x3F808000, 0x3F80}, {0x3F818000, 0x3F82},  // ties: down and up, to the even one
      {0x3F807FFF, 0x3F80}, {0x3F808001, 0x3F81},
      {0xBF808001, 0xBF81},  // just below and just above a tie
      {0x3FFFFFFF, 0x4000},  // carries into the exponent
      {0x7F7F0000, 0x7F7F}, {0x7F7F8000, 0x7F80},
      {0x7F7F7FFF, 0x7F7F},                        // the largest, and what rounds to infinity
      {0x7F800000, 0x7F80}, {0xFF800000, 0xFF80},  // infinities
      {0x00800000, 0x0080}, {0x00010000, 0x0001},
      {0x00008000, 0x0000},  // the smallest normal, and denormals
      {0x00008001, 0x0001}, {0x807F8000, 0x8080},
      {0x0000FFFF, 0x0001},
  };
  std::vector<float> values;
  for (const auto& [whole, upper] : bits) {
    const auto value = std::bit_cast<float>(whole);
    CHECK(BFloat16(value).bits == upper);
    CHECK(static_cast<float>(BFloat16(value)) == std::bit_cast<float>(uint32_t{upper} << 16));
    values.push_back(value);
  }
  for (const uint32_t nan : {0x7F800001u, 0x7FC00000u, 0xFFFFFFFFu, 0x7FFFFFFFu}) {
    CHECK(std::isnan(static_cast<float>(BFloat16(std::bit_cast<float>(nan)))));
  }
  if (!device_has_bf16()) return;
  const int64_t count = std::ssize(values);
  const std::vector<float> on_device = cast(tensor({count}, values), DataType::bf16).to_host();
  for (size_t i = 0; i < values.size(); ++i)
    CHECK(on_device[i] == static_cast<float>(BFloat16(values[i])));
  CHECK(std::isnan(cast(Tensor::full(backend(), {1}, NAN), DataType::bf16).to_host()[0]));
}

TEST_CASE("bf16: a device that does not compute in it says so") {
  if (device_has_bf16()) return;
  const std::string sentence = message_of([] { Tensor(backend(), {2}, DataType::bf16); });
  CHECK(sentence.starts_with("bf16 was requested on a device that does not support it: CPU"));
  CHECK(contains(message_of([] { cast(Tensor::zeros(backend(), {2}), DataType::bf16); }),
                 "does not support it"));
}

TEST_CASE("bf16: copies, and conversions there and back") {
  for (const Layout& layout : device_has_bf16() ? std::span(layouts) : std::span<const Layout>()) {
    const Tensor x = rounded(layout, "x");
    CHECK(x.clone().to_host() == x.to_host());
    const Tensor wide = cast(x, DataType::f32);
    CHECK(wide.type() == DataType::f32);
    CHECK(wide.to_host() == x.to_host());
    Tensor back = rounded(layout, "y");
    copy(back, wide);
    CHECK(back.to_host() == x.to_host());
    fill(back, -0.3f);
    CHECK(back.to_host() == std::vector<float>(static_cast<size_t>(x.elements()), BFloat16(-0.3f)));
    for (const Range columns :
         {Range{0, layout.columns}, Range{0, layout.columns / 2}, Range{1, layout.columns}}) {
      const Tensor part = columns_of(x, columns);
      Tensor target = rounded(layout, "y");
      const Matrix whole(x), before(target);
      set_columns(target, columns.begin, part);
      const Matrix expected = matrix_of(x.rows(), x.columns(), [&](int64_t i, int64_t j) {
        return j >= columns.begin && j < columns.end ? whole(i, j) : before(i, j);
      });
      CHECK(target.to_host() == expected.floats());
    }
  }
}

TEST_CASE("bf16: elementwise operations") {
  for (const Layout& layout : device_has_bf16() ? std::span(layouts) : std::span<const Layout>()) {
    INFO(layout.rows, " × ", layout.columns, " at ", layout.offset);
    const Tensor x = rounded(layout, "x"), dy = rounded(layout, "dy"),
                 bias = rounded_row(layout, "bias");
    const Matrix a(x), b(dy), c = row_of(bias);
    const auto each = [&](const auto& f) {
      return matrix_of(a.rows, a.columns,
                       [&](int64_t i, int64_t j) { return f(a(i, j), b(i, j)); });
    };
    CHECK(relative_error(add(x, dy), reference::add(a, b)) < one_rounding);
    CHECK(relative_error(gelu(x), reference::gelu(a)) < one_rounding);
    CHECK(relative_error(gelu_backward(x, dy), each([](double v, double d) {
                           return d * gelu_derivative(v);
                         })) < one_rounding);
    Tensor y = rounded(layout, "x");
    accumulate(y, dy, 0.75f);
    CHECK(relative_error(y, each([](double v, double d) { return v + 0.75 * d; })) < one_rounding);
    y = rounded(layout, "x");
    scale(y, -0.3f);
    CHECK(relative_error(y, each([](double v, double) { return double{-0.3f} * v; })) <
          one_rounding);
    y = rounded(layout, "x");
    add_bias(y, bias);
    CHECK(relative_error(y, reference::add_bias(a, c)) < one_rounding);
  }
}

TEST_CASE("bf16: sums over rows are f32") {
  for (const Layout& layout : device_has_bf16() ? std::span(layouts) : std::span<const Layout>()) {
    INFO(layout.rows, " × ", layout.columns, " at ", layout.offset);
    const Tensor x = rounded(layout, "x");
    Tensor sums = tensor({layout.columns}, random_matrix(1, layout.columns, "before"));
    Matrix expected = row_of(sums);
    const Matrix a(x);
    for (int64_t i = 0; i < a.rows; ++i) {
      for (int64_t j = 0; j < a.columns; ++j) expected(0, j) += a(i, j);
    }
    add_column_sums(sums, x);
    CHECK(relative_error(sums, expected) < f32_sum);
  }
}

TEST_CASE("bf16: matrix products, and sums of them in f32") {
  if (!device_has_bf16()) return;
  const Tensor a = rounded({7, 24, 0}, "a"), b = rounded({24, 10, 0}, "b"),
               other = rounded({10, 24, 0}, "other");
  CHECK(relative_error(matmul(a, b), reference::matmul(Matrix(a), Matrix(b))) < one_rounding);
  const Matrix product = reference::matmul(Matrix(a), reference::transpose(Matrix(other)));
  CHECK(relative_error(matmul(a, transposed(other)), product) < one_rounding);
  const Matrix before = random_matrix(7, 10, "before");
  Tensor sum = tensor(before);
  add_matmul(sum, a, transposed(other));
  CHECK(relative_error(sum, reference::add(before, product)) < f32_sum);
}

TEST_CASE("bf16: layer norm forward and backward") {
  for (const Layout& layout : device_has_bf16() ? std::span(layouts) : std::span<const Layout>()) {
    INFO(layout.rows, " × ", layout.columns, " at ", layout.offset);
    if (layout.columns == 1) continue;  // its deviation is 0
    const Tensor x = rounded(layout, "x"), dy = rounded(layout, "dy"),
                 gain = rounded_row(layout, "gain"), bias = rounded_row(layout, "bias");
    const Matrix a(x), d(dy), g = row_of(gain);
    const LayerNorm out = layer_norm(x, gain, bias);
    CHECK(relative_error(out.y, reference::layer_norm(a, g, row_of(bias))) < one_rounding);
    REQUIRE(out.mean.type() == DataType::f32);
    Tensor dgain = Tensor::zeros(backend(), {layout.columns}), dbias = dgain.clone();
    const Tensor dx = layer_norm_backward(dy, x, out, gain, dgain, dbias);
    const Matrix normed = reference::layer_norm(
        a, matrix_of(1, a.columns, [](auto...) { return 1.0; }), Matrix(1, a.columns));
    Matrix expected = a, gain_sums(1, a.columns), bias_sums(1, a.columns);
    const auto width = static_cast<double>(a.columns);
    for (int64_t i = 0; i < a.rows; ++i) {
      double mean = 0, variance = 0, mean_g = 0, mean_gn = 0;
      for (int64_t j = 0; j < a.columns; ++j) mean += a(i, j) / width;
      for (int64_t j = 0; j < a.columns; ++j) {
        variance += (a(i, j) - mean) * (a(i, j) - mean) / width;
        mean_g += d(i, j) * g(0, j) / width;
        mean_gn += d(i, j) * g(0, j) * normed(i, j) / width;
        gain_sums(0, j) += d(i, j) * normed(i, j);
        bias_sums(0, j) += d(i, j);
      }
      for (int64_t j = 0; j < a.columns; ++j) {
        expected(i, j) =
            (d(i, j) * g(0, j) - mean_g - normed(i, j) * mean_gn) / std::sqrt(variance + 1e-5);
      }
    }
    CHECK(relative_error(dx, expected) < one_rounding);
    CHECK(relative_error(dgain, gain_sums) < 2e-6);
    CHECK(relative_error(dbias, bias_sums) < f32_sum);
    const Tensor dresidual = rounded(layout, "dresidual");
    const Matrix before = random_matrix(1, layout.columns, "before"),
                 sum = reference::add(expected, Matrix(dresidual));
    Tensor dz_bias = tensor({layout.columns}, before);
    CHECK(
        relative_error(layer_norm_backward_add(dy, dresidual, x, out, gain, dgain, dbias, &dz_bias),
                       sum) < one_rounding);
    Matrix sums = before;
    for (int64_t i = 0; i < sum.rows; ++i)
      for (int64_t j = 0; j < sum.columns; ++j) sums(0, j) += sum(i, j);
    CHECK(relative_error(dz_bias, sums) < 2e-6);  // of what has not been rounded yet
  }
}

TEST_CASE("bf16: the norm of a sum is that of the rounded sum") {
  for (const Layout& layout : device_has_bf16() ? std::span(layouts) : std::span<const Layout>()) {
    INFO(layout.rows, " × ", layout.columns, " at ", layout.offset);
    if (layout.columns == 1) continue;  // its deviation is 0
    const Tensor x = rounded(layout, "x"), z = rounded(layout, "z"),
                 gain = rounded_row(layout, "gain"), bias = rounded_row(layout, "bias");
    const auto [u, normed] = add_layer_norm(x, z, gain, bias);
    CHECK(u.to_host() == add(x, z).to_host());
    const Tensor z_bias = rounded_row(layout, "z_bias");
    const Tensor with_bias = add_layer_norm(x, z, gain, bias, &z_bias).u;
    CHECK(with_bias.to_host() == add(x, z, z_bias).to_host());
    CHECK(relative_error(with_bias, reference::add_bias(reference::add(Matrix(x), Matrix(z)),
                                                        row_of(z_bias))) < one_rounding);
    CHECK(relative_error(normed.y, reference::layer_norm(Matrix(u), row_of(gain), row_of(bias))) <
          one_rounding);
    const Matrix sum(u);
    Matrix means(layout.rows, 1);
    for (int64_t i = 0; i < sum.rows; ++i)
      for (int64_t j = 0; j < sum.columns; ++j)
        means(i, 0) += sum(i, j) / static_cast<double>(sum.columns);
    CHECK(reference::largest_difference(normed.mean, means) < 1e-6);
  }
}

TEST_CASE("bf16: dropout drops what it drops in f32") {
  constexpr RandomStream stream{11, stream_of("mask")};
  for (const Layout& layout : device_has_bf16() ? std::span(layouts) : std::span<const Layout>()) {
    for (const Block& block :
         {Block{.whole_columns = layout.columns},
          Block{.first_row = 3, .first_column = 4, .whole_columns = layout.columns + 8},
          Block{.first_row = 2, .first_column = 1, .whole_columns = 301}}) {
      const Tensor x = rounded(layout, "x");
      const Tensor in_f32 = dropout(cast(x, DataType::f32), 0.4f, stream, block);
      CHECK(dropout(x, 0.4f, stream, block).to_host() == cast(in_f32, DataType::bf16).to_host());
    }
  }
}

TEST_CASE("bf16: heads and causal softmax") {
  for (const auto& [context, width, offset] : {std::tuple<int64_t, int64_t, int64_t>{8, 16, 0},
                                               {7, 6, 0},
                                               {7, 5, 0},
                                               {40, 8, 0},
                                               {16, 8, 3}}) {
    if (!device_has_bf16()) return;
    INFO(context, " × ", width, " at ", offset);
    const int64_t batch = 2, heads = 3;
    const Tensor x = rounded({batch * context, 3 * heads * width, offset}, "x");
    const Tensor split = split_heads(x, heads * width, batch, heads, width);
    CHECK(split.to_host() ==
          split_heads(cast(x, DataType::f32), heads * width, batch, heads, width).to_host());
    Tensor merged = x.clone();
    fill(merged, 0.0f);
    merge_heads(merged, heads * width, split);
    CHECK(columns_of(merged, {heads * width, 2 * heads * width}).to_host() ==
          columns_of(x, {heads * width, 2 * heads * width}).to_host());

    const Layout square{batch * context, context, offset};
    const auto scores = [&](const char* name) {
      return rounded(square, name).reshape({batch, context, context});
    };
    Tensor p = scores("scores"), in_f32 = cast(p, DataType::f32), d = scores("dp"),
           d_in_f32 = cast(d, DataType::f32);
    causal_softmax(p, 0.3f);
    causal_softmax(in_f32, 0.3f);
    CHECK(relative_error(p, in_f32) < one_rounding);
    causal_softmax_backward(d, p, 0.3f);
    causal_softmax_backward(d_in_f32, cast(p, DataType::f32), 0.3f);
    CHECK(relative_error(d, d_in_f32) < one_rounding);
  }
}

TEST_CASE("bf16: rows of a table, and their gradient in f32") {
  const std::vector<int32_t> ids = {12, 3, 14, 12, 12, 15, 9, 10};  // rows 10 … 14 are in this part
  for (const Layout& layout : device_has_bf16() ? std::span(layouts) : std::span<const Layout>()) {
    const Tensor table = rounded({5, layout.columns, layout.offset}, "table"),
                 dy = rounded({8, layout.columns, layout.offset}, "dy");
    const Matrix rows(table), d(dy);
    const auto inside = [&](int64_t i) { return ids[i] >= 10 && ids[i] < 15; };
    CHECK(gather_rows(table, indices(ids), 10).to_host() ==
          matrix_of(8, layout.columns, [&](int64_t i, int64_t j) {
            return inside(i) ? rows(ids[i] - 10, j) : 0.0;
          }).floats());
    Matrix expected = random_matrix(5, layout.columns, "before");
    Tensor dtable = tensor(expected);
    for (int64_t i = 0; i < 8; ++i) {
      for (int64_t j = 0; inside(i) && j < layout.columns; ++j) expected(ids[i] - 10, j) += d(i, j);
    }
    add_to_rows(dtable, indices(ids), dy, 10);
    CHECK(relative_error(dtable, expected) < f32_sum);
  }
}

TEST_CASE("bf16: the parts of the cross entropy") {
  for (const Layout& layout : device_has_bf16() ? std::span(layouts) : std::span<const Layout>()) {
    INFO(layout.rows, " × ", layout.columns, " at ", layout.offset);
    Tensor x = rounded(layout, "logits", 3.0);
    const Matrix logits(x);
    const int64_t valid = layout.columns - layout.columns / 4;
    std::vector<int32_t> targets;
    for (int64_t i = 0; i < layout.rows; ++i)
      targets.push_back(static_cast<int32_t>(100 + 5 * i % valid));
    const Tensor max = row_max(x, valid), picked = pick(x, indices(targets), 100);
    Matrix maxima(layout.rows, 1), sums(layout.rows, 1), exps = logits;
    for (int64_t i = 0; i < layout.rows; ++i) {
      maxima(i, 0) = -INFINITY;
      for (int64_t j = 0; j < valid; ++j) maxima(i, 0) = std::max(maxima(i, 0), logits(i, j));
      for (int64_t j = 0; j < layout.columns; ++j) {
        exps(i, j) = j < valid ? std::exp(logits(i, j) - maxima(i, 0)) : 0.0;
        sums(i, 0) += exps(i, j);
      }
    }
    CHECK(max.to_host() == maxima.floats());
    CHECK(relative_error(row_sum(x, valid), matrix_of(layout.rows, 1, [&](int64_t i, int64_t) {
                           double sum = 0;
                           for (int64_t j = 0; j < valid; ++j) sum += logits(i, j);
                           return sum;
                         })) < f32_sum);
    CHECK(picked.to_host() == matrix_of(layout.rows, 1, [&](int64_t i, int64_t) {
                                return logits(i, targets[i] - 100);
                              }).floats());
    const ExpSums in_one_pass = exp_sums(x, valid);
    CHECK(in_one_pass.max.to_host() == maxima.floats());
    CHECK(relative_error(in_one_pass.sums, sums) < f32_sum);
    Tensor gradient = x.clone();
    softmax_minus_targets(gradient, in_one_pass, indices(targets), 100, valid, 0.125f);
    CHECK(
        relative_error(gradient, matrix_of(layout.rows, layout.columns, [&](int64_t i, int64_t j) {
                         return 0.125 * (exps(i, j) / sums(i, 0) - (j == targets[i] - 100 ? 1 : 0));
                       })) < one_rounding);
    const Tensor got_sums = exp_and_row_sum(x, max, valid);
    CHECK(relative_error(got_sums, sums) < f32_sum);
    CHECK(relative_error(x, exps) < one_rounding);
    const Matrix rounded_exps(x);
    cross_entropy_backward(x, got_sums, indices(targets), 100, 0.125f);
    CHECK(relative_error(x, matrix_of(layout.rows, layout.columns, [&](int64_t i, int64_t j) {
                           return 0.125 * (rounded_exps(i, j) / sums(i, 0) -
                                           (j == targets[i] - 100 ? 1 : 0));
                         })) < one_rounding);
  }
}

TEST_CASE("bf16: the optimizer rounds the new weights as a cast does") {
  for (const Layout& layout : device_has_bf16() ? std::span(layouts) : std::span<const Layout>()) {
    INFO(layout.rows, " × ", layout.columns, " at ", layout.offset);
    const int64_t count = layout.rows * layout.columns;
    const Tensor weight = tensor(random_matrix(1, count, "weight")).reshape({count}),
                 m = weight.clone(), v = Tensor::full(backend(), {count}, 0.5f),
                 gradient = tensor(random_matrix(1, count, "gradient")).reshape({count}),
                 rounded = Tensor(backend(), {count + layout.offset}, DataType::bf16)
                               .slice({layout.offset, layout.offset + count});
    const TrainedWeight one{weight, m, v, gradient, rounded};
    adamw(std::span(&one, 1), Tensor::full(backend(), {1}, 1.0f), {.learning_rate = 0.1f});
    CHECK(rounded.to_host() == cast(weight, DataType::bf16).to_host());
  }
}

TEST_CASE("bf16: types that do not belong are refused") {
  if (!device_has_bf16()) return;
  const Tensor x(backend(), {2, 3}), y(backend(), {2, 3}, DataType::bf16);
  Tensor total(backend(), {3}, DataType::bf16);
  CHECK(message_of([&] { add(x, y); }) == "add: bf16 and f32 cannot be mixed");
  CHECK(message_of([&] { add_column_sums(total, y); }) ==
        "add_column_sums needs a tensor of f32, not bf16");
  CHECK(message_of([&] { copy(total, indices({1, 2, 3})); }) == "copy: i32 into bf16");
  CHECK(message_of([&] { y.clone().assign(std::vector<int32_t>(6)); }) ==
        "a tensor of bf16 was given i32");
}
