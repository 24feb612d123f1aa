// Chapter 04: Y = X·A + b with A cut by columns. What the ranks hold are complete columns of Y.
#include <cmath>

#include "chapters/01_gemm/worked_example.h"
#include "chapters/04_column_parallel_gemm/overlap.h"
#include "chapters/04_column_parallel_gemm/picture.h"
#include "chapters/04_column_parallel_gemm/trial.h"
#include "common/check/calls.h"
#include "common/check/compare.h"
#include "common/tensor/ops.h"

using namespace shard;
using namespace shard::chapter_01;
using namespace shard::chapter_04;
using namespace shard::reference;

/// X and A of the worked example: every rank has all of X and some columns of A, and computes the
/// same columns of Y.
void show_worked_example(Runtime& runtime, Report& report) {
  Communicator& world = runtime.world();
  const WorkedExample example = worked_example();
  const Range part = part_of(4, world.size(), world.rank());
  const Tensor x = to_tensor(runtime.backend(), example.x);                    // [4 × 4]
  const Tensor a = columns_of(to_tensor(runtime.backend(), example.a), part);  // [4 × 4/t]
  const Tensor columns = matmul(x, a);                                         // [4 × 4/t]
  const std::string mine =
      side_by_side({{"X =", drawn(Matrix(x))},
                    {text("A", world.rank(), " ="), drawn(Matrix(a))},
                    {text("X·A", world.rank(), " ="), drawn(Matrix(columns))}});
  report.heading("The worked example: rank i holds all of X and some columns of A");
  for (const std::string& ranks_lines : world.gather_text(mine)) report.line(ranks_lines);
  const Tensor y = gather_columns(world, columns, 4);
  report.line("  side by side, they are Y; nothing is added:\n" +
              side_by_side({{"Y =", drawn(Matrix(y))}}));
  report.check("Y of the worked example, exactly",
               largest_difference(y, matmul(example.x, example.a)), 0);
  if (!runtime.options().picture.empty())
    draw_column_parallel(runtime, report, part, x, a, columns);
}

void check_forward_and_backward(Runtime& runtime, Report& report, Trial& trial) {
  report.heading("Forward and backward against the unsplit layer");
  const Tensor x = to_tensor(runtime.backend(), trial.x),
               dy = to_tensor(runtime.backend(), trial.dy);
  const Ledger start = runtime.ledger();
  const Tensor y = trial.split.forward(x, trial.kept);  // [tokens × out/t]
  const Tensor activated = gelu(y);                     // [tokens × out/t]
  const Ledger middle = runtime.ledger();
  const Tensor dx = trial.split.backward(columns_of(dy, trial.part), trial.kept);  // [tokens × in]
  const Ledger end = runtime.ledger();

  const Parameter& a = trial.unsplit.weight;
  const Tensor y_double = to_tensor(runtime.backend(), trial.expected({trial.x, Matrix(a.value)}));
  report.check("columns of Y against double precision",
               relative_error(y, columns_of(y_double, trial.part)), 1e-5);
  report.check("GeLU of this rank's columns is its columns of GeLU(Y)",
               relative_error(activated, columns_of(gelu(trial.y_unsplit), trial.part)), 1e-6);
  check_split(report, "the unsplit layer",
              {.y = {}, .dx = dx, .parameters = trial.split.parameters()},
              {.y = {}, .dx = trial.dx_unsplit, .parameters = trial.unsplit.parameters()}, 1e-5);
  check_finite_differences(
      report, loss_of([&](const Points& points) { return trial.expected(points); }, trial.dy),
      {{.name = "dX", .point = trial.x, .gradient = trial.dx_unsplit},
       {.name = "dA", .point = Matrix(a.value), .gradient = a.gradient}},
      {trial.init.seed, stream_of("samples")}, 1e-4);

  report.heading("The ledger of forward, GeLU and backward");
  report.ledger(end.since(start));
  check_calls(report, "forward and GeLU: no communication", middle.since(start), {});
  check_calls(report, "backward: one all-reduce of tokens × in, nothing else", end.since(middle),
              {{.op = Collective::all_reduce, .calls = 1, .bytes = dx.bytes()}});
}

/// Where the next layer needs all columns of Y on every rank. Then dY arrives whole, and each rank
/// takes its columns of it.
void check_gather(Runtime& runtime, Report& report, Trial& trial) {
  report.heading("Optional: gather the columns");
  Communicator& world = runtime.world();
  // [tokens × out/t]
  const Tensor part = trial.split.forward(to_tensor(runtime.backend(), trial.x), trial.kept);
  // [tokens × out/t]
  const Tensor dy_part = columns_of(to_tensor(runtime.backend(), trial.dy), trial.part);
  const Ledger before = runtime.ledger();
  const Tensor y = gather_columns(world, part, trial.sizes.out);  // [tokens × out]
  const Ledger ledger = runtime.ledger().since(before);
  report.ledger(ledger);
  check_calls(report, "one all-gather of this rank's columns, nothing else", ledger,
              {{.op = Collective::all_gather, .calls = 1, .bytes = part.bytes()}});
  report.check("gathered Y against the unsplit layer", relative_error(y, trial.y_unsplit), 1e-6);
  // The loss Σ Y∘dY is the sum of the ranks' Σ Y_i∘dY_i, so each rank needs only its columns of dY.
  const double loss = dot(Matrix(y), trial.dy),
               sum = world.sum_of(dot(Matrix(part), Matrix(dy_part)));
  report.check("backward, columns of dY: the ranks' parts of Σ Y∘dY",
               std::abs(sum - loss) / std::abs(loss), 1e-6);
}

/// Forward is right without communication, and so are dA and db: only dX, and all layers before it,
/// would be wrong.
void show_forgotten_all_reduce(Runtime& runtime, Report& report, Trial& trial) {
  report.heading("A mistake that shows only in the backward pass: dX without its all-reduce");
  Communicator& world = runtime.world();
  const Tensor dy = columns_of(to_tensor(runtime.backend(), trial.dy), trial.part);
  const double error =
      relative_error(matmul(dy, transposed(trial.split.weight.value)), trial.dx_unsplit);
  Table table({"rank", "columns of A", "relative error of its dX"});
  for (int rank = 0; const std::string& ranks_error : world.gather_text(scientific(error))) {
    const Range columns = part_of(trial.sizes.out, world.size(), rank);
    table.row({text(rank++), text(columns.begin, " … ", columns.end - 1), ranks_error});
  }
  report.table(table);
  if (world.size() == 1) return report.line("  With one rank its term is all of dX.");
  report.check("on every rank it is wrong by more than 1 %", -world.max_of(-error) > 0.01);
  report.result("error_without_all_reduce", world.max_of(error));
}

void check_usage(const Sizes& s, const OverlapSizes& timing, int ranks) {
  require_usage(s.out >= ranks, "--out ", s.out, " cannot be cut into ", ranks,
                " parts: one for each rank");
  require_memory(50.0 * ranks * (1.0 * s.tokens * (s.in + s.out) + 1.0 * s.in * s.out),
                 text("--tokens ", s.tokens, ", --in ", s.in, ", --out ", s.out));
  require_memory(50.0 * timing.width * (1.0 * ranks * timing.tokens + timing.width),
                 text("--timing-tokens ", timing.tokens, " × --timing-width ", timing.width));
}

int main(int argc, char** argv) {
  Sizes sizes;
  OverlapSizes timing;
  Options options("04_column_parallel_gemm", "Y = X·A + b with A cut by columns");
  options.size("--tokens", sizes.tokens, "rows of X");
  options.size("--in", sizes.in, "columns of X, rows of A");
  options.size("--out", sizes.out, "columns of A and Y: what is cut");
  options.size("--timing-tokens", timing.tokens, "rows of X where overlap is measured");
  options.size("--timing-width", timing.width, "columns of X there; A has 4 times as many columns");
  options.size("--repeat", timing.repeat, "number of measurements; their median is reported", 1,
               1000);
  options.offer_picture("the worked example");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    report.layout(runtime.world().size(), 1);
    check_usage(sizes, timing, runtime.world().size());
    show_worked_example(runtime, report);
    Trial trial(runtime, sizes);
    check_forward_and_backward(runtime, report, trial);
    check_gather(runtime, report, trial);
    show_forgotten_all_reduce(runtime, report, trial);
    show_overlap(runtime, report, timing);
  });
}
