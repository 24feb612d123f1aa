// Chapter 04: Y = X·A + b with A cut by columns. What the ranks hold are complete columns of Y.
#include <cmath>

#include "chapters/01_gemm/worked_example.h"
#include "chapters/04_column_parallel_gemm/column_parallel_linear.h"
#include "chapters/04_column_parallel_gemm/picture.h"
#include "common/check/compare.h"
#include "common/check/reference.h"
#include "common/check/timing.h"
#include "common/program/runtime.h"
#include "common/tensor/ops.h"

using namespace shard;
using namespace shard::reference;

struct Sizes {
  int64_t tokens = 24, in = 36, out = 50;                       // of the checks
  int64_t timing_tokens = 256, timing_width = 512, repeat = 9;  // of the measurement of overlap
};

/// X and A of the worked example: every rank has all of X, and columns of A that give it the same
/// columns of Y.
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

/// The layer, split over all ranks and unsplit on each, with the same numbers.
struct Trial {
  Sizes sizes;
  Matrix x, dy;
  std::unique_ptr<Communicator> alone;
  ColumnParallelLinear split, unsplit;
  Range part;  // of the outputs
  ColumnParallelLinear::Kept kept, kept_unsplit;
  Tensor y_unsplit, dx_unsplit;

  Trial(Runtime& runtime, Sizes s)
      : sizes(s),
        x(random_matrix(s.tokens, s.in, {runtime.options().seed, stream_of("x")})),
        dy(random_matrix(s.tokens, s.out, {runtime.options().seed, stream_of("dy")})),
        alone(runtime.alone()),
        split(runtime.world(), "column", s.in, s.out, {runtime.options().seed, 0.3f, 0.5f}),
        unsplit(*alone, "column", s.in, s.out, {runtime.options().seed, 0.3f, 0.5f}),
        part(part_of(s.out, runtime.world().size(), runtime.world().rank())),
        y_unsplit(unsplit.forward(to_tensor(runtime.backend(), x), kept_unsplit)),
        dx_unsplit(unsplit.backward(to_tensor(runtime.backend(), dy), kept_unsplit)) {}

  Matrix expected(const Matrix& x_values, const Matrix& a) const {
    return add_bias(matmul(x_values, a), Matrix(unsplit.bias.value));
  }
};

void check_forward_and_backward(Runtime& runtime, Report& report, Trial& trial) {
  report.heading("Forward and backward against the unsplit layer");
  const Tensor x = to_tensor(runtime.backend(), trial.x),
               dy = to_tensor(runtime.backend(), trial.dy);
  const Ledger before = runtime.ledger();
  const Tensor y = trial.split.forward(x, trial.kept);  // [tokens × out/t]
  const Tensor activated = gelu(y);                     // [tokens × out/t]
  const Ledger forward = runtime.ledger().since(before);
  const Tensor dx = trial.split.backward(columns_of(dy, trial.part), trial.kept);  // [tokens × in]
  const Ledger both = runtime.ledger().since(before);

  const Matrix a(trial.unsplit.weight.value);
  const Tensor y_double = to_tensor(runtime.backend(), trial.expected(trial.x, a));
  report.check("columns of Y against double precision",
               relative_error(y, columns_of(y_double, trial.part)), 1e-5);
  report.check("GeLU of this rank's columns is its columns of GeLU(Y)",
               relative_error(activated, columns_of(gelu(trial.y_unsplit), trial.part)), 1e-6);
  report.check("dX against the unsplit layer", relative_error(dx, trial.dx_unsplit), 1e-5);
  check_gradients(report, trial.split.parameters(), trial.unsplit.parameters(), 1e-5);

  const auto loss_of_x = [&](const Matrix& point) {
    return dot(trial.expected(point, a), trial.dy);
  };
  const auto loss_of_a = [&](const Matrix& point) {
    return dot(trial.expected(trial.x, point), trial.dy);
  };
  const RandomStream where{runtime.options().seed, stream_of("samples")};
  report.check("dX against finite differences",
               finite_difference_error(loss_of_x, trial.x, trial.dx_unsplit.to_host(), where),
               1e-4);
  report.check(
      "dA against finite differences",
      finite_difference_error(loss_of_a, a, trial.unsplit.weight.gradient.to_host(), where), 1e-4);

  report.heading("The ledger of forward, GeLU and backward");
  report.ledger(both);
  report.check("forward and GeLU: no communication", forward.calls() == 0);
  report.check("backward: one all-reduce of tokens × in, nothing else",
               both.calls() == 1 && both.calls(Collective::all_reduce) == 1 &&
                   both.bytes() == dx.bytes());
}

/// For whoever needs all columns of Y on every rank. Then dY arrives whole, and each rank takes its
/// columns of it.
void check_gather(Runtime& runtime, Report& report, Trial& trial) {
  report.heading("Optional: gather the columns");
  Communicator& world = runtime.world();
  const Tensor part =
      trial.split.forward(to_tensor(runtime.backend(), trial.x), trial.kept);  // [tokens × out/t]
  const Tensor dy_part =
      columns_of(to_tensor(runtime.backend(), trial.dy), trial.part);  // [tokens × out/t]
  const Ledger before = runtime.ledger();
  const Tensor y = gather_columns(world, part, trial.sizes.out);  // [tokens × out]
  const Ledger ledger = runtime.ledger().since(before);
  report.ledger(ledger);
  report.check("one all-gather of this rank's columns, nothing else",
               ledger.calls() == 1 && ledger.calls(Collective::all_gather) == 1 &&
                   ledger.bytes() == part.bytes());
  report.check("gathered Y against the unsplit layer", relative_error(y, trial.y_unsplit), 1e-6);
  // The loss Σ Y∘dY is the sum of the ranks' Σ Y_i∘dY_i, so their columns of dY are all that the
  // ranks need.
  const double loss = dot(Matrix(y), trial.dy),
               sum = world.sum_of(dot(Matrix(part), Matrix(dy_part)));
  report.check("the way back, columns of dY: the ranks' parts of Σ Y∘dY",
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

/// ColumnParallelLinear::backward with its steps one after the other: nobody computes while the sum
/// is under way.
Tensor backward_in_sequence(Communicator& world, ColumnParallelLinear& layer, const Tensor& x,
                            const Tensor& dy) {
  Tensor dx = world.all_reduce(PartialSum(matmul(dy, transposed(layer.weight.value))));
  add_matmul(layer.weight.gradient, transposed(x), dy);
  add_column_sums(layer.bias.gradient, dy);
  return dx;
}

void show_overlap(Runtime& runtime, Report& report, const Sizes& sizes) {
  const int64_t tokens = sizes.timing_tokens, in = sizes.timing_width, out = 4 * in;
  report.heading(
      text("Overlap in the backward pass: X [", tokens, " × ", in, "], A [", in, " × ", out, "]"));
  Communicator& world = runtime.world();
  const uint64_t seed = runtime.options().seed;
  ColumnParallelLinear layer(world, "timed", in, out, {seed, 0.3f, 0.5f});
  const Tensor x =
      to_tensor(runtime.backend(), random_matrix(tokens, in, {seed, stream_of("timed x")}));
  ColumnParallelLinear::Kept kept;
  const Tensor dy =
      layer.forward(x, kept);  // any gradient will do, and this one has the right shape

  const Ledger before = runtime.ledger();
  Ledger when_da_was_ready;
  Listener listener =
      layer.weight.on_gradient_ready([&] { when_da_was_ready = runtime.ledger().since(before); });
  const Tensor dx = layer.backward(dy, kept);
  const double seconds = runtime.ledger().since(before).seconds();
  listener.reset();
  report.check("when dA was ready, the all-reduce had been started",
               when_da_was_ready.calls() == 1);
  report.check("and it was waited for afterwards", seconds > when_da_was_ready.seconds());
  report.check("the same dX as in sequence",
               relative_error(dx, backward_in_sequence(world, layer, x, dy)), 1e-6);

  const std::vector<Timing> timings = time_in_turns(
      runtime,
      {[&] { backward_in_sequence(world, layer, x, dy); }, [&] { layer.backward(dy, kept); }},
      sizes.repeat);
  Table table({text("backward, median of ", sizes.repeat), "time", "of it in collectives"});
  table.row({"all-reduce, then dA", seconds_text(timings[0].seconds),
             seconds_text(timings[0].communication)});
  table.row({"all-reduce during dA", seconds_text(timings[1].seconds),
             seconds_text(timings[1].communication)});
  report.table(table);
  report.line(
      "  MPI moves data mostly while a rank is inside an MPI call, so the wait still does most of "
      "the sum, and");
  report.line(
      "  the gain may be none. NCCL sums in kernels of its own, which run beside those of the "
      "product.");
  report.result("milliseconds_in_sequence", 1e3 * timings[0].seconds);
  report.result("milliseconds_overlapped", 1e3 * timings[1].seconds);
}

void check_sizes(const Sizes& s, int ranks) {
  require_usage(s.out >= ranks, "--out ", s.out, " cannot be cut into ", ranks,
                " parts: one for each rank");
  require_memory(50.0 * ranks * (1.0 * s.tokens * (s.in + s.out) + 1.0 * s.in * s.out),
                 text("--tokens ", s.tokens, ", --in ", s.in, ", --out ", s.out));
  require_memory(50.0 * s.timing_width * (1.0 * ranks * s.timing_tokens + s.timing_width),
                 text("--timing-tokens ", s.timing_tokens, " × --timing-width ", s.timing_width));
}

int main(int argc, char** argv) {
  Sizes sizes;
  Options options("04_column_parallel_gemm", "Y = X·A + b with A cut by columns");
  options.size("--tokens", sizes.tokens, "rows of X");
  options.size("--in", sizes.in, "columns of X, rows of A");
  options.size("--out", sizes.out, "columns of A and Y: what is cut");
  options.size("--timing-tokens", sizes.timing_tokens, "rows of X where overlap is measured");
  options.size("--timing-width", sizes.timing_width,
               "columns of X there; A has 4 times as many columns");
  options.size("--repeat", sizes.repeat, "measurements of which the median is taken", 1, 1000);
  options.offer_picture("the worked example");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    report.layout(runtime.world().size(), 1);
    check_sizes(sizes, runtime.world().size());
    show_worked_example(runtime, report);
    Trial trial(runtime, sizes);
    check_forward_and_backward(runtime, report, trial);
    check_gather(runtime, report, trial);
    show_forgotten_all_reduce(runtime, report, trial);
    show_overlap(runtime, report, sizes);
  });
}
