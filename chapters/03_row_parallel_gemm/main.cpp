// Chapter 03: Y = X·A + b with A cut by rows. What the ranks hold is a sum that nobody has taken
// yet.
#include <cmath>

#include "chapters/01_gemm/worked_example.h"
#include "chapters/03_row_parallel_gemm/picture.h"
#include "chapters/03_row_parallel_gemm/row_parallel_linear.h"
#include "common/check/compare.h"
#include "common/check/reference.h"
#include "common/program/runtime.h"
#include "common/tensor/ops.h"

using namespace shard;
using namespace shard::reference;

struct Sizes {
  int64_t tokens = 24, in = 40, out = 28;
};

/// X and A of the worked example, cut for every rank: rank i's product is a whole matrix, but only
/// one term of Y.
void show_worked_example(Runtime& runtime, Report& report) {
  Communicator& world = runtime.world();
  const WorkedExample example = worked_example();
  const Range part = part_of(4, world.size(), world.rank());
  const Tensor x = columns_of(to_tensor(runtime.backend(), example.x), part);  // [4 × 4/t]
  const Tensor a = to_tensor(runtime.backend(), example.a).slice(part);        // [4/t × 4]
  const Tensor term = matmul(x, a);                                            // [4 × 4]
  const std::string mine =
      side_by_side({{text("X", world.rank(), " ="), drawn(Matrix(x))},
                    {text("A", world.rank(), " ="), drawn(Matrix(a))},
                    {text("X", world.rank(), "·A", world.rank(), " ="), drawn(Matrix(term))}});
  report.heading("The worked example: rank i holds columns of X and the same rows of A");
  for (const std::string& ranks_lines : world.gather_text(mine)) report.line(ranks_lines);
  const Tensor y = world.all_reduce(PartialSum(term));
  report.line("  the all-reduce adds the terms:\n" + side_by_side({{"Y =", drawn(Matrix(y))}}));
  report.check("Y of the worked example, exactly",
               largest_difference(y, matmul(example.x, example.a)), 0);
  if (!runtime.options().picture.empty()) draw_row_parallel(runtime, report, part, x, a);
}

/// The layer, split over all ranks and unsplit on each, with the same numbers.
struct Trial {
  Sizes sizes;
  Matrix x, dy;
  std::unique_ptr<Communicator> alone;
  RowParallelLinear split, unsplit;
  Range part;  // of the inputs

  Trial(Runtime& runtime, Sizes s)
      : sizes(s),
        x(random_matrix(s.tokens, s.in, {runtime.options().seed, stream_of("x")})),
        dy(random_matrix(s.tokens, s.out, {runtime.options().seed, stream_of("dy")})),
        alone(runtime.alone()),
        split(runtime.world(), "row", s.in, s.out, {runtime.options().seed, 0.3f, 0.5f}),
        unsplit(*alone, "row", s.in, s.out, {runtime.options().seed, 0.3f, 0.5f}),
        part(part_of(s.in, runtime.world().size(), runtime.world().rank())) {}

  Matrix expected(const Matrix& x_values, const Matrix& a) const {
    return add_bias(matmul(x_values, a), Matrix(unsplit.bias.value));
  }
};

void check_forward_and_backward(Runtime& runtime, Report& report, Trial& trial) {
  report.heading("Forward and backward against the unsplit layer");
  Backend& backend = runtime.backend();
  const Ledger before = runtime.ledger();
  const Tensor x = to_tensor(backend, trial.x), dy = to_tensor(backend, trial.dy);
  RowParallelLinear::Kept kept, kept_unsplit;
  const Tensor y = trial.split.forward(columns_of(x, trial.part), kept);
  const Ledger forward = runtime.ledger().since(before);
  const Tensor dx = trial.split.backward(dy, kept);
  const Ledger both = runtime.ledger().since(before);
  trial.unsplit.forward(x, kept_unsplit);
  const Tensor dx_unsplit = trial.unsplit.backward(dy, kept_unsplit);

  const Matrix a(trial.unsplit.weight.value);
  report.check("Y against double precision", relative_error(y, trial.expected(trial.x, a)), 1e-5);
  report.check("dX against the unsplit layer",
               relative_error(dx, columns_of(dx_unsplit, trial.part)), 1e-5);
  check_gradients(report, trial.split.parameters(), trial.unsplit.parameters(), 1e-5);

  const auto loss_of_x = [&](const Matrix& point) {
    return dot(trial.expected(point, a), trial.dy);
  };
  const auto loss_of_a = [&](const Matrix& point) {
    return dot(trial.expected(trial.x, point), trial.dy);
  };
  const RandomStream where{runtime.options().seed, stream_of("samples")};
  report.check("dX against finite differences",
               finite_difference_error(loss_of_x, trial.x, dx_unsplit.to_host(), where), 1e-4);
  report.check(
      "dA against finite differences",
      finite_difference_error(loss_of_a, a, trial.unsplit.weight.gradient.to_host(), where), 1e-4);

  report.heading("The ledger of forward and backward");
  report.ledger(both);
  report.check("forward: one all-reduce of tokens × out, nothing else",
               forward.calls() == 1 && forward.calls(Collective::all_reduce) == 1 &&
                   forward.bytes() == y.bytes());
  report.check("backward: no communication", both.calls() == forward.calls());
}

/// What goes wrong when GeLU or the bias comes before the sum. The terms are taken out of their
/// PartialSum on purpose.
void show_failing_designs(Runtime& runtime, Report& report, Trial& trial) {
  report.heading(
      "Two designs that fail: the same layer with one step before the all-reduce instead of after "
      "it");
  Communicator& world = runtime.world();
  const Tensor x = columns_of(to_tensor(runtime.backend(), trial.x), trial.part);
  const Matrix y = trial.expected(trial.x, Matrix(trial.unsplit.weight.value));

  RowParallelLinear::Kept kept;
  const PartialSum term = trial.split.partial_forward(x, kept);
  const Tensor early_gelu =
      world.all_reduce(PartialSum(gelu(term.unreduced())));  // breaks the rule: Σ gelu(X_i·A_i)
  const Matrix without_bias = matmul(trial.x, Matrix(trial.unsplit.weight.value));
  const double gelu_error = relative_error(early_gelu, gelu(without_bias));

  Tensor biased = trial.split.partial_forward(x, kept)
                      .unreduced();  // breaks the rule: the bias is added t times
  add_bias(biased, trial.split.bias.value);
  const double bias_error = relative_error(world.all_reduce(PartialSum(biased)), y);

  Table table({"design", "relative error"});
  table.row({"GeLU before the all-reduce", scientific(gelu_error)});
  table.row({"bias before the all-reduce", scientific(bias_error)});
  report.table(table);
  if (world.size() == 1)
    return report.line("  With one rank there is nothing to add up, so both are right.");
  report.line(
      text("  Σ gelu(X_i·A_i) is not gelu(Σ X_i·A_i), and a bias that every rank adds counts ",
           world.size(), " times."));
  report.check("GeLU before the all-reduce is wrong by more than 1 %", gelu_error > 0.01);
  report.check("a bias on every rank is wrong by more than 1 %", bias_error > 0.01);
  report.result("error_gelu_before_all_reduce", gelu_error);
  report.result("error_bias_before_all_reduce", bias_error);
}

int main(int argc, char** argv) {
  Sizes sizes;
  Options options("03_row_parallel_gemm", "Y = X·A + b with A cut by rows");
  options.size("--tokens", sizes.tokens, "rows of X");
  options.size("--in", sizes.in, "columns of X, rows of A: what is cut");
  options.size("--out", sizes.out, "columns of A and Y");
  options.offer_picture("the worked example");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    report.layout(runtime.world().size(), 1);
    require_usage(sizes.in >= runtime.world().size(), "--in ", sizes.in, " cannot be cut into ",
                  runtime.world().size(), " parts: one for each rank");
    const auto elements = 1.0 * sizes.tokens * (sizes.in + sizes.out) + 1.0 * sizes.in * sizes.out;
    require_memory(50 * elements * runtime.world().size(),
                   text("--tokens ", sizes.tokens, " × --in ", sizes.in, " × --out ", sizes.out));
    show_worked_example(runtime, report);
    Trial trial(runtime, sizes);
    check_forward_and_backward(runtime, report, trial);
    show_failing_designs(runtime, report, trial);
  });
}
