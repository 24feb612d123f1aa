#include "common/tensor/ops.h"

#include <algorithm>

#include "common/tensor/op_checks.h"

namespace shard {

using namespace op_checks;

namespace {

int64_t batch_of(const Tensor& x) { return x.shape().rank() == 3 ? x.shape()[0] : 1; }

Shape product_shape(const char* op, const Operand& a, const Operand& b) {
  const int rank = a.matrix.shape().rank();
  require(rank == b.matrix.shape().rank() && (rank == 2 || rank == 3) && a.columns() == b.rows() &&
              batch_of(a.matrix) == batch_of(b.matrix),
          op, ": ", a.matrix.shape(), a.transposed ? " transposed" : "", " times ",
          b.matrix.shape(), b.transposed ? " transposed" : "");
  return rank == 2 ? Shape{a.rows(), b.columns()}
                   : Shape{batch_of(a.matrix), a.rows(), b.columns()};
}

}  // namespace

// ---- Copying and adding -------------------------------------------------------------------------

void copy(Tensor& to, const Tensor& from) {
  has("copy", "the source", from, to.elements());
  const bool whole_numbers = to.type() == DataType::i32 || from.type() == DataType::i32;
  require(to.type() == from.type() || !whole_numbers, "copy: ", from.type(), " into ", to.type());
  backend_of("copy", to, from).copy(to, from);
}

void fill(Tensor& x, float value) {
  one_type("fill", x);
  x.backend().fill(x, value);
}

Tensor cast(const Tensor& x, DataType type) {
  Tensor y(x.backend(), x.shape(), type);
  copy(y, x);
  return y;
}

void accumulate(Tensor& y, const Tensor& x, float factor) {
  same_shape("accumulate", y, x);
  one_type("accumulate", y, x);
  backend_of("accumulate", y, x).accumulate(y, x, factor);
}

Tensor add(const Tensor& a, const Tensor& b) {
  same_shape("add", a, b);
  one_type("add", a, b);
  Tensor out = like(a);
  backend_of("add", a, b).add(out, a, b);
  return out;
}

Tensor add(const Tensor& a, const Tensor& b, const Tensor& bias) {
  same_shape("add", a, b);
  has("add", "the bias", bias, a.columns());
  one_type("add", a, b, bias);
  Tensor out = like(a);
  backend_of("add", a, b, bias).add(out, a, b, bias);
  return out;
}

void scale(Tensor& x, float factor) {
  one_type("scale", x);
  x.backend().scale(x, factor);
}

Tensor columns_of(const Tensor& x, Range range) {
  columns_fit("columns_of", x, range.begin, range.size());
  one_type("columns_of", x);
  Tensor out(x.backend(), {x.rows(), range.size()}, x.type());
  x.backend().copy_columns(out, 0, x, range.begin, range.size());
  return out;
}

void set_columns(Tensor& y, int64_t first, const Tensor& part) {
  columns_fit("set_columns", y, first, part.columns());
  one_type("set_columns", y, part);
  require(y.rows() == part.rows(), "set_columns: ", part.shape(), " into ", y.shape());
  backend_of("set_columns", y, part).copy_columns(y, first, part, 0, part.columns());
}

// ---- Matrix products ----------------------------------------------------------------------------

Operand lower(const Tensor& matrix) {
  const Operand stored = matrix;
  require(stored.rows() == stored.columns(), "lower: ", matrix.shape(), " is not square");
  return {matrix, false, true};
}

enum class Wanted { all, on_and_below_diagonal };

/// C ← A·B + beta·C. Where A or what is wanted of C is a triangle, in strips of rows, which leave
/// out most of the rest.
static void multiply(Tensor& c, const Operand& a, const Operand& b, float beta, Wanted wanted) {
  constexpr int64_t strip = 128;
  const int64_t m = a.rows(), k = a.columns(), n = b.columns();
  const bool triangle = wanted == Wanted::on_and_below_diagonal;
  const int64_t step = a.lower || triangle ? strip : std::max<int64_t>(m, 1);
  for (int64_t begin = 0; begin == 0 || begin < m; begin += step) {
    const Range rows{begin, std::min(begin + step, m)};
    const Range inner = !a.lower       ? Range{0, k}
                        : a.transposed ? Range{begin, k}
                                       : Range{0, rows.end};
    const Range columns{0, triangle ? rows.end : n};
    c.backend().matmul(c, a, b, beta, {rows, inner, columns});
  }
  const int64_t elements_below = m * (m + 1) / 2, matrices = batch_of(a.matrix);
  c.backend().count_flops(2 * matrices *
                          (a.lower    ? elements_below * n
                           : triangle ? elements_below * k
                                      : m * k * n));
}

Tensor matmul(Operand a, Operand b) {
  const Shape shape = product_shape("matmul", a, b);
  one_type("matmul", a.matrix, b.matrix);
  Backend& backend = backend_of("matmul", a.matrix, b.matrix);
  Tensor c(backend, shape, a.matrix.type());
  multiply(c, a, b, 0.0f, Wanted::all);
  return c;
}

void matmul_into(const Tensor& c, Operand a, Operand b) {
  const Shape shape = product_shape("matmul_into", a, b);
  one_type("matmul_into", c, a.matrix, b.matrix);
  require(shape == c.shape(), "matmul_into: a product of shape ", shape, " does not fit into ",
          c.shape());
  backend_of("matmul_into", c, a.matrix, b.matrix);
  Tensor result = c;
  multiply(result, a, b, 0.0f, Wanted::all);
}

void add_matmul(Tensor& c, Operand a, Operand b) {
  const Shape shape = product_shape("add_matmul", a, b);
  one_type("add_matmul", a.matrix, b.matrix);
  is_f32("add_matmul", c);
  require(shape == c.shape(), "add_matmul: a product of shape ", shape, " was added to ",
          c.shape());
  backend_of("add_matmul", c, a.matrix, b.matrix);
  multiply(c, a, b, 1.0f, Wanted::all);
}

// ---- Layers' elementwise parts ------------------------------------------------------------------

void add_bias(Tensor& y, const Tensor& bias) {
  has("add_bias", "the bias", bias, y.columns());
  one_type("add_bias", y, bias);
  backend_of("add_bias", y, bias).add_bias(y, bias);
}

void add_column_sums(Tensor& sums, const Tensor& x) {
  has("add_column_sums", "the sum", sums, x.columns());
  one_type("add_column_sums", x);
  is_f32("add_column_sums", sums);
  backend_of("add_column_sums", sums, x).add_column_sums(sums, x);
}

Tensor gelu(const Tensor& x) {
  one_type("gelu", x);
  Tensor y = like(x);
  x.backend().gelu(y, x);
  return y;
}

Tensor gelu_backward(const Tensor& x, const Tensor& dy) {
  same_shape("gelu_backward", x, dy);
  one_type("gelu_backward", x, dy);
  Tensor dx = like(x);
  backend_of("gelu_backward", x, dy).gelu_backward(dx, x, dy);
  return dx;
}

static void norms_columns(const char* op, const Tensor& x, const Tensor& gain, const Tensor& bias) {
  has(op, "the gain", gain, x.columns());
  has(op, "the bias", bias, x.columns());
  one_type(op, x, gain, bias);
}

LayerNorm layer_norm(const Tensor& x, const Tensor& gain, const Tensor& bias, float epsilon) {
  norms_columns("layer_norm", x, gain, bias);
  Backend& backend = backend_of("layer_norm", x, gain, bias);
  LayerNorm out{like(x), one_a_row(x), one_a_row(x)};
  backend.layer_norm(out.y, out.mean, out.inverse_deviation, x, gain, bias, epsilon);
  return out;
}

AddLayerNorm add_layer_norm(const Tensor& x, const Tensor& z, const Tensor& gain,
                            const Tensor& bias, const Tensor* z_bias, float epsilon) {
  const Tensor& addend = z_bias != nullptr ? *z_bias : bias;
  same_shape("add_layer_norm", x, z);
  has("add_layer_norm", "z's bias", addend, x.columns());
  one_type("add_layer_norm", x, z, addend);
  norms_columns("add_layer_norm", x, gain, bias);
  Backend& backend = backend_of("add_layer_norm", x, z, gain, bias, addend);
  AddLayerNorm out{like(x), {like(x), one_a_row(x), one_a_row(x)}};
  auto& [y, mean, inverse_deviation] = out.normed;
  backend.add_layer_norm(out.u, y, mean, inverse_deviation, x, z, z_bias, gain, bias, epsilon);
  return out;
}

/// dresidual and dx_sums may be nullptr.
static Tensor layer_norm_backward(const char* op, const Tensor& dy, const Tensor* dresidual,
                                  const Tensor& x, const LayerNorm& forward, const Tensor& gain,
                                  Tensor& dgain, Tensor& dbias, Tensor* dx_sums) {
  const Tensor& residual = dresidual != nullptr ? *dresidual : dy;
  const Tensor& sums = dx_sums != nullptr ? *dx_sums : dbias;
  same_shape(op, dy, x);
  same_shape(op, residual, x);
  has(op, "the gain", gain, x.columns());
  has(op, "the gain's gradient", dgain, x.columns());
  has(op, "the bias' gradient", dbias, x.columns());
  has(op, "the gradient of z's bias", sums, x.columns());
  one_type(op, dy, residual, x, gain);
  one_type(op, forward.mean, forward.inverse_deviation, dgain, dbias, sums);
  Tensor dx = like(x);
  backend_of(op, dy, residual, x, gain, dgain, dbias, sums)
      .layer_norm_backward(dx, dgain, dbias, dx_sums, dy, dresidual, x, forward.mean,
                           forward.inverse_deviation, gain);
  return dx;
}

Tensor layer_norm_backward(const Tensor& dy, const Tensor& x, const LayerNorm& forward,
                           const Tensor& gain, Tensor& dgain, Tensor& dbias) {
  return layer_norm_backward("layer_norm_backward", dy, nullptr, x, forward, gain, dgain, dbias,
                             nullptr);
}

Tensor layer_norm_backward_add(const Tensor& dy, const Tensor& dresidual, const Tensor& x,
                               const LayerNorm& forward, const Tensor& gain, Tensor& dgain,
                               Tensor& dbias, Tensor* dz_bias) {
  return layer_norm_backward("layer_norm_backward_add", dy, &dresidual, x, forward, gain, dgain,
                             dbias, dz_bias);
}

static void is_probability(float probability) {
  require(probability >= 0.0f && probability < 1.0f, "dropout: the probability ", probability,
          " is not in [0, 1)");
}

Tensor dropout(const Tensor& x, float probability, RandomStream random, Block block) {
  is_probability(probability);
  require(block.first_column >= 0 && block.first_column + x.columns() <= block.whole_columns,
          "dropout: columns ", block.first_column, " to ", block.first_column + x.columns(), " of ",
          block.whole_columns);
  one_type("dropout", x);
  Tensor y = like(x);
  x.backend().dropout(y, x, probability, random, block);
  return y;
}

Tensor dropout(const Tensor& x, float probability, RandomStream random,
               std::span<const Range> rows) {
  is_probability(probability);
  one_type("dropout", x);
  int64_t count = 0;
  for (const Range& range : rows) count += range.size();
  require(count == x.rows(), "dropout: ", count, " rows for a tensor with ", x.rows());
  Tensor y = like(x);
  int64_t begin = 0;
  for (const Range& range : rows) {
    const Range place{begin, begin + range.size()};
    Tensor part = y.slice(place);
    x.backend().dropout(part, x.slice(place), probability, random, {range.begin, 0, x.columns()});
    begin = place.end;
  }
  return y;
}

// ---- Attention ----------------------------------------------------------------------------------

Tensor split_heads(const Tensor& x, int64_t first_column, int64_t batch, int64_t heads,
                   int64_t head_width) {
  columns_fit("split_heads", x, first_column, heads * head_width);
  require(batch > 0 && x.rows() % batch == 0, "split_heads: ", counted(x.rows(), "row"),
          x.rows() == 1 ? " is" : " are", " not ", counted(batch, "sequence"));
  one_type("split_heads", x);
  Tensor out(x.backend(), {batch * heads, x.rows() / batch, head_width}, x.type());
  x.backend().split_heads(out, x, first_column);
  return out;
}

void merge_heads(Tensor& x, int64_t first_column, const Tensor& heads) {
  const Shape& shape = heads.shape();  // [batch·heads × context × head_width]
  require(shape.rank() == 3 && x.rows() % shape[1] == 0 && shape[0] % (x.rows() / shape[1]) == 0,
          "merge_heads: ", shape, " into ", x.shape());
  columns_fit("merge_heads", x, first_column, heads.elements() / x.rows());
  one_type("merge_heads", x, heads);
  backend_of("merge_heads", x, heads).merge_heads(x, first_column, heads);
}

Tensor causal_scores(const Tensor& q, const Tensor& k) {
  same_shape("causal_scores", q, k);
  one_type("causal_scores", q, k);
  require(q.shape().rank() == 3, "causal_scores: [batch × context × head_width], not ", q.shape());
  Tensor scores(backend_of("causal_scores", q, k), product_shape("causal_scores", q, transposed(k)),
                q.type());
  multiply(scores, q, transposed(k), 0.0f, Wanted::on_and_below_diagonal);
  return scores;
}

void causal_softmax(Tensor& scores, float scale) {
  const Shape& shape = scores.shape();
  require(shape.rank() == 3 && shape[1] <= shape[2],
          "causal_softmax: scores are [batch × queries × context] with no more ",
          "queries than context, not ", shape);
  one_type("causal_softmax", scores);
  scores.backend().causal_softmax(scores, scale);
}

void causal_softmax_backward(Tensor& dprobabilities, const Tensor& probabilities, float scale) {
  const Shape& shape = dprobabilities.shape();
  require(shape.rank() == 3 && shape[1] == shape[2],
          "causal_softmax_backward: [batch × context × context], not ", shape);
  same_shape("causal_softmax_backward", dprobabilities, probabilities);
  one_type("causal_softmax_backward", dprobabilities, probabilities);
  backend_of("causal_softmax_backward", dprobabilities, probabilities)
      .causal_softmax_backward(dprobabilities, probabilities, scale);
}

}  // namespace shard
