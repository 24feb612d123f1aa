// Chapter 03: Y = X·A + b with A cut by rows. Each rank's product is one term of a sum over the
// ranks.
#include "chapters/01_gemm/worked_example.h"
#include "chapters/03_row_parallel_gemm/picture.h"
#include "chapters/03_row_parallel_gemm/trial.h"
#include "common/check/calls.h"
#include "common/check/compare.h"
#include "common/tensor/ops.h"

using namespace shard;
using namespace shard::chapter_01;
using namespace shard::chapter_03;
using namespace shard::reference;

/// X and A of the worked example on every rank: rank i's product is as large as Y, and one term of
/// it.
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

void check_forward_and_backward(Runtime& runtime, Report& report, Trial& trial) {
  report.heading("Forward and backward against the unsplit layer");
  Backend& backend = runtime.backend();
  const Ledger start = runtime.ledger();
  const Tensor x = to_tensor(backend, trial.x), dy = to_tensor(backend, trial.dy);
  RowParallelLinear::Kept kept, kept_unsplit;
  const Tensor y = trial.split.forward(columns_of(x, trial.part), kept);
  const Ledger middle = runtime.ledger();
  const Tensor dx = trial.split.backward(dy, kept);
  const Ledger end = runtime.ledger();
  trial.unsplit.forward(x, kept_unsplit);
  const Tensor dx_unsplit = trial.unsplit.backward(dy, kept_unsplit);

  report.check("Y against double precision", relative_error(y, trial.expected()), 1e-5);
  check_split(
      report, "the unsplit layer", {.y = {}, .dx = dx, .parameters = trial.split.parameters()},
      {.y = {}, .dx = columns_of(dx_unsplit, trial.part), .parameters = trial.unsplit.parameters()},
      1e-5);
  const Parameter& a = trial.unsplit.weight;
  check_finite_differences(
      report, loss_of([&](const Points& points) { return trial.expected(points); }, trial.dy),
      {{.name = "dX", .point = trial.x, .gradient = dx_unsplit},
       {.name = "dA", .point = Matrix(a.value), .gradient = a.gradient}},
      {trial.init.seed, stream_of("samples")}, 1e-4);

  report.heading("The ledger of forward and backward");
  report.ledger(end.since(start));
  check_calls(report, "forward: one all-reduce of tokens × out, nothing else", middle.since(start),
              {{.op = Collective::all_reduce, .calls = 1, .bytes = y.bytes()}});
  check_calls(report, "backward: no communication", end.since(middle), {});
}

/// GeLU or the bias before the sum instead of after it. PartialSum prevents this; the terms are
/// taken out of it for the demonstration.
void show_failing_designs(Runtime& runtime, Report& report, Trial& trial) {
  report.heading(
      "Two designs that fail: the same layer with one step before the all-reduce instead of after "
      "it");
  Communicator& world = runtime.world();
  const Tensor x = columns_of(to_tensor(runtime.backend(), trial.x), trial.part);
  const Matrix y = trial.expected();

  RowParallelLinear::Kept kept;
  const PartialSum term = trial.split.partial_forward(x, kept);
  // breaks the rule: Σ gelu(X_i·A_i)
  const Tensor early_gelu = world.all_reduce(PartialSum(gelu(term.unreduced())));
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
    return report.line("  With one rank there is nothing to add, so both are right.");
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
