// Chapter 01: Y = X·A on one device: what the product is, its gradients, how it lies in memory, and
// how fast it can be.
#include <cmath>

#include "chapters/01_gemm/climb.h"
#include "chapters/01_gemm/column_major.h"
#include "chapters/01_gemm/picture.h"
#include "chapters/01_gemm/worked_example.h"
#include "common/check/finite_differences.h"
#include "common/program/runtime.h"
#include "common/tensor/ops.h"

using namespace shard;
using namespace shard::chapter_01;
using namespace shard::reference;

void show_worked_example(Runtime& runtime, Report& report) {
  report.heading("The worked example: every element of Y is a row of X times a column of A");
  const WorkedExample example = worked_example();
  const Tensor x = to_tensor(runtime.backend(), example.x),
               a = to_tensor(runtime.backend(), example.a);
  const Matrix y(matmul(x, a));
  report.line(side_by_side(
      {{"X =", drawn(example.x)}, {"A =", drawn(example.a)}, {"Y = X·A =", drawn(y)}}));
  report.line(dot_product(example, 1, 3) + "\n");
  report.check("Y of the worked example, exactly", y.values == matmul(example.x, example.a).values);
}

/// Random matrices.
struct Data {
  // all different, so that one size used in place of another shows
  static constexpr int64_t tokens = 37, in = 53, out = 29;
  Matrix x, a, dy;

  explicit Data(uint64_t seed)
      : x(random_matrix(tokens, in, {seed, stream_of("x")})),
        a(random_matrix(in, out, {seed, stream_of("a")})),
        dy(random_matrix(tokens, out, {seed, stream_of("dy")})) {}
};

void check_forward_and_backward(Runtime& runtime, Report& report, const Data& data) {
  report.heading("Forward and backward: the gradients of a product are two products");
  Backend& backend = runtime.backend();
  const Tensor x = to_tensor(backend, data.x), a = to_tensor(backend, data.a),
               dy = to_tensor(backend, data.dy);
  const Tensor y = matmul(x, a);                // [tokens × out]
  const Tensor dx = matmul(dy, transposed(a));  // [tokens × in]
  const Tensor da = matmul(transposed(x), dy);  // [in × out]

  Table table({"", "left factor", "right factor", "result"});
  table.row({"Y = X·A", to_string(x.shape()), to_string(a.shape()), to_string(y.shape())});
  table.row(
      {"dX = dY·Aᵀ", to_string(dy.shape()), to_string(a.shape()) + "ᵀ", to_string(dx.shape())});
  table.row(
      {"dA = Xᵀ·dY", to_string(x.shape()) + "ᵀ", to_string(dy.shape()), to_string(da.shape())});
  report.table(table);
  report.check("Y against double precision", relative_error(y, matmul(data.x, data.a)), 1e-6);
  report.check("dX against double precision",
               relative_error(dx, matmul(data.dy, transpose(data.a))), 1e-6);
  report.check("dA against double precision",
               relative_error(da, matmul(transpose(data.x), data.dy)), 1e-6);

  const Loss loss = loss_of([](const Points& p) { return matmul(p[0], p[1]); }, data.dy);
  check_finite_differences(report, loss,
                           {{.name = "dX", .point = data.x, .gradient = dx},
                            {.name = "dA", .point = data.a, .gradient = da}},
                           {runtime.options().seed, stream_of("samples")}, 1e-5);
}

void show_column_major(Report& report, const Data& data) {
  report.heading("Row-major matrices on a column-major library: Yᵀ = Aᵀ·Xᵀ, without a copy");
  Matrix m(2, 3);
  m.values = {1, 2, 3, 4, 5, 6};
  const Matrix seen = read_by_columns(m.values, 3, 2);
  report.line("  memory: 1 2 3 4 5 6\n" +
              side_by_side({{"by rows: M", drawn(m)}, {"by columns: Mᵀ", drawn(seen)}}));
  report.check("row-major memory read by columns is the transposed matrix",
               seen.values == transpose(m).values);

  const int64_t tokens = Data::tokens, in = Data::in, out = Data::out;
  const std::vector<float> x = data.x.floats(), a = data.a.floats();
  std::vector<float> y(static_cast<size_t>(tokens * out), NAN);
  row_major_product(tokens, in, out, x.data(), a.data(), y.data());
  const Matrix expected = matmul(data.x, data.a);
  report.check("factors exchanged: Y against double precision", relative_error(y, expected.values),
               1e-6);

  // With square matrices only the numbers show that the exchange was forgotten.
  const WorkedExample example = worked_example();
  std::vector<float> wrong(16);
  column_major_gemm(4, 4, 4, example.x.floats().data(), 4, example.a.floats().data(), 4,
                    wrong.data(), 4);
  const Matrix x_times_a = matmul(example.x, example.a), a_times_x = matmul(example.a, example.x);
  report.check("factors not exchanged: the call computes A·X, exactly",
               relative_error(wrong, a_times_x.values), 0);
  const double error = relative_error(wrong, x_times_a.values);
  report.line(text("        which is far from X·A: relative error ", fixed(error)));
  report.result("error_without_exchange", error);
}

int main(int argc, char** argv) {
  int64_t size = 0;
  Options options("01_gemm", "Y = X·A on one device");
  options.size(
      "--size", size,
      "rows and columns of the matrices that are timed; 0: 512, or what a GPU needs to be busy", 0);
  options.offer_picture("the worked example");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    const int ranks = runtime.world().size();
    require_memory(50.0 * static_cast<double>(size * size) * ranks,
                   text("--size ", size, " × ranks ", ranks));
    if (ranks > 1)
      report.line("One device is enough here: every rank does the same, and rank 0 prints.");
    const Data data(runtime.options().seed);
    show_worked_example(runtime, report);
    if (!options.picture.empty()) draw_worked_example(runtime, report);
    check_forward_and_backward(runtime, report, data);
    show_column_major(report, data);
    check_ladder(runtime, report);
    climb_ladder(runtime, report, size);
  });
}
