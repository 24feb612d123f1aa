// GeLU, its derivative and the gradients of biases inside the products beside them, against double
// precision, and against kernels of their own. Only GPUs do so, in bf16.
#include <algorithm>
#include <cstdlib>
#include <optional>

#include "common/tensor/linear.h"
#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;
using reference::transpose;

namespace {

// half a unit of the last of 8 bits, and a little for what came before
constexpr double one_rounding = 0x1.01p-8;
constexpr double f32_sum = 1e-6;

/// Rounded to bf16.
Tensor rounded(const Matrix& matrix) { return cast(tensor(matrix), DataType::bf16); }

Matrix elementwise(Matrix a, const Matrix& b, double (*function)(double, double)) {
  std::ranges::transform(a.values, b.values, a.values.begin(), function);
  return a;
}

Matrix column_sums(const Matrix& x) {
  Matrix sums(1, x.columns);
  for (int64_t row = 0; row < x.rows; ++row)
    for (int64_t column = 0; column < x.columns; ++column) sums(0, column) += x(row, column);
  return sums;
}

/// An MLP's two layers, width → hidden → out, in bf16.
struct Layers {
  Tensor x, w, b, v, dy;
  Tensor before_b, before_dv, before_c;  // f32: what gradients are added to

  Layers(int64_t tokens, int64_t width, int64_t hidden, int64_t out)
      : x(rounded(random_matrix(tokens, width, "x"))),
        w(rounded(random_matrix(width, hidden, "w", 0.3))),
        b(rounded(random_matrix(1, hidden, "b")).reshape({hidden})),
        v(rounded(random_matrix(hidden, out, "v", 0.3))),
        dy(rounded(random_matrix(tokens, out, "dy"))),
        before_b(tensor({hidden}, random_matrix(1, hidden, "before b"))),
        before_dv(tensor(random_matrix(hidden, out, "before dv"))),
        before_c(tensor({out}, random_matrix(1, out, "before c"))) {}
};

struct Results {
  LinearGelu forward;
  GeluBackward backward;
  Tensor db, dv, dc;
  int64_t launches[3] = {};  // of the three operations
};

Results results_of(const Layers& of, bool epilogues) {
  const ProductEpilogues set(backend(), epilogues);
  Results all;
  const auto count = [&](int i, const auto& work) {
    const int64_t before = backend().launches();
    work();
    all.launches[i] = backend().launches() - before;
  };
  all.db = of.before_b.clone(), all.dv = of.before_dv.clone(), all.dc = of.before_c.clone();
  count(0, [&] { all.forward = linear_gelu_matmul(of.x, of.w, of.b, of.v); });
  count(1, [&] { all.backward = gelu_matmul_backward(of.dy, of.v, all.forward.u, all.db); });
  count(2, [&] { add_linear_gradients(all.dv, all.dc, all.backward.activated, of.dy); });
  return all;
}

void check(const Layers& of, const Results& got) {
  const Matrix sum = reference::add_bias(reference::matmul(Matrix(of.x), Matrix(of.w)),
                                         Matrix(of.b.reshape({1, of.b.elements()})));
  CHECK(relative_error(got.forward.u, sum) < one_rounding);
  // each of U and gelu(U) is rounded once, or gelu(U) alone, and then the result
  CHECK(relative_error(got.forward.y, reference::matmul(reference::gelu(sum), Matrix(of.v))) <
        3 * one_rounding);

  const Matrix u(got.forward.u), dy(of.dy);
  CHECK(relative_error(got.backward.activated, reference::gelu(u)) < one_rounding);
  const Matrix du = elementwise(reference::matmul(dy, transpose(Matrix(of.v))), u,
                                [](double d, double x) { return d * gelu_derivative(x); });
  CHECK(relative_error(got.backward.du, du) < 2 * one_rounding);
  const auto row = [](const Tensor& vector) {
    return Matrix(vector.reshape({1, vector.elements()}));
  };
  CHECK(relative_error(got.db, reference::add(column_sums(du), row(of.before_b))) < one_rounding);

  const Matrix dv = reference::matmul(transpose(Matrix(got.backward.activated)), dy);
  CHECK(relative_error(got.dv, reference::add(dv, Matrix(of.before_dv))) < f32_sum);
  CHECK(relative_error(got.dc, reference::add(column_sums(dy), row(of.before_c))) < f32_sum);
}

}  // namespace

TEST_CASE("product epilogues: none on a CPU") {
  const ProductEpilogues set(backend(), true);
  if (backend().device() == Device::cpu) CHECK_FALSE(backend().uses_epilogues());
  const ProductEpilogues off(backend(), false);
  CHECK_FALSE(backend().uses_epilogues());
}

TEST_CASE("product epilogues: on and off agree with double precision") {
  if (!backend().computes_in(DataType::bf16)) return;
  for (const Layers& of : {Layers(9, 16, 40, 24), Layers(1, 8, 8, 8), Layers(70, 64, 264, 64)}) {
    INFO(of.x.rows(), " tokens, ", of.w.rows(), " → ", of.w.columns(), " → ", of.v.columns());
    const Results off = results_of(of, false), on = results_of(of, true);
    check(of, off);
    check(of, on);
    // Off: product, GeLU, product; product and one kernel; product and sums of columns.
    CHECK(std::ranges::equal(off.launches, std::array<int64_t, 3>{3, 2, 2}));
    const ProductEpilogues set(backend(), true);
    const bool are_used = backend().uses_epilogues();
    // On: two products; product, GeLU again, and addition of the sums; product and addition.
    CHECK(std::ranges::equal(on.launches, are_used ? std::array<int64_t, 3>{2, 3, 2}
                                                   : std::array<int64_t, 3>{3, 2, 2}));
    // Only with them is GeLU taken of sums that have not been rounded, which few numbers may not
    // show.
    const bool differ = on.forward.y.to_host() != off.forward.y.to_host();
    if (!are_used || of.x.rows() > 1) CHECK(differ == are_used);
    CHECK(on.backward.activated.to_host() == off.backward.activated.to_host());
  }
}

TEST_CASE(
    "product epilogues: rows that are no multiples of 16 bytes, and f32, are left to kernels") {
  if (!backend().computes_in(DataType::bf16)) return;
  const ProductEpilogues set(backend(), true);
  const Layers odd(9, 13, 21, 7);
  const Results got = results_of(odd, true);
  check(odd, got);
  CHECK(std::ranges::equal(got.launches, std::array<int64_t, 3>{4, 2, 2}));
  const Tensor x = tensor(random_matrix(9, 16, "x")), w = tensor(random_matrix(16, 40, "w")),
               b = tensor({40}, random_matrix(1, 40, "b")), v = tensor(random_matrix(40, 8, "v"));
  const int64_t before = backend().launches();
  linear_gelu_matmul(x, w, b, v);
  CHECK(backend().launches() - before == 3);
}

TEST_CASE("product epilogues: as many tokens, the same bits in every run") {
  if (!backend().computes_in(DataType::bf16)) return;
  const Layers of(70, 64, 264, 64);
  for (const bool on : {false, true}) {
    const Results first = results_of(of, on), second = results_of(of, on);
    CHECK(first.db.to_host() == second.db.to_host());
    CHECK(first.dc.to_host() == second.dc.to_host());
    CHECK(first.dv.to_host() == second.dv.to_host());
  }
}

TEST_CASE(
    "product epilogues: on compute capability 9.0 alone, unless the environment turns them off") {
  if (!contains(backend().description(), "emulated GPU")) return;
  const auto named = [](const char* variable, const char* otherwise) {
    const char* const value = std::getenv(variable);
    return std::string(value != nullptr ? value : otherwise);
  };
  const bool supported = named("SHARD_EMULATED_GPU_CAPABILITY", "9.0") == "9.0";
  CHECK(backend().uses_epilogues() == (supported && named("SHARD_EPILOGUES", "1") == "1"));
  const bool before = backend().uses_epilogues();
  {
    const ProductEpilogues on(backend(), true);
    CHECK(backend().uses_epilogues() == supported);
    const ProductEpilogues off(backend(), false);
    CHECK_FALSE(backend().uses_epilogues());
  }
  CHECK(backend().uses_epilogues() == before);
}
