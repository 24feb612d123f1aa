// Chapter 05: Z = GeLU(X·A + b)·B + c in three designs. Column → row needs one all-reduce forward
// and one backward, and no communication between its two products.
#include "chapters/05_parallel_mlp/design_trial.h"
#include "chapters/05_parallel_mlp/fused_mlp.h"
#include "chapters/05_parallel_mlp/other_designs.h"
#include "chapters/05_parallel_mlp/parallel_mlp.h"
#include "chapters/05_parallel_mlp/worked_mlp.h"
#include "common/check/calls.h"
#include "common/check/finite_differences.h"

using namespace shard;
using namespace shard::chapter_05;
using namespace shard::reference;

// small, for double precision; uneven parts on 2, 3 and 4 ranks
constexpr MlpSizes check_sizes{.tokens = 24, .width = 30, .hidden = 101};

/// The unsplit MLP, with which the designs are compared: Z against double precision, dX, dA and dB
/// against finite differences.
void check_unsplit(Report& report, uint64_t seed, Trial<ParallelMlp>& unsplit) {
  report.heading("The unsplit MLP in double precision: " + to_string(check_sizes));
  const Parameters parameters = unsplit.mlp.parameters();
  const Parameter &a = *parameters[0], &b = *parameters[2];
  const Matrix a_bias(parameters[1]->value), b_bias(parameters[3]->value);
  const auto mlp = [&](const Points& p) {  // p = {X, A, B}
    return add_bias(matmul(gelu(add_bias(matmul(p[0], p[1]), a_bias)), p[2]), b_bias);
  };
  const Variables variables{{.name = "dX", .point = Matrix(unsplit.x), .gradient = unsplit.dx},
                            {.name = "dA", .point = Matrix(a.value), .gradient = a.gradient},
                            {.name = "dB", .point = Matrix(b.value), .gradient = b.gradient}};
  report.check("Z", relative_error(unsplit.z, mlp(points_of(variables))), 1e-5);
  check_finite_differences(report, loss_of(mlp, Matrix(unsplit.dz)), variables,
                           {seed, stream_of("entries")}, 1e-4);
}

/// Column → row with GeLU inside the second product: the same, for less memory.
void show_fused(Runtime& runtime, Report& report, Trial<ParallelMlp>& unsplit,
                const Outcome& column_row, const MlpSizes& sizes) {
  const Outcome fused =
      try_design<FusedMlp>(runtime, "column → row fused", unsplit, check_sizes, sizes);
  report.check(fused.name + ": Z, dX, gradients", fused.largest_error(), 1e-5);
  const int64_t hidden =
      part_of(sizes.hidden, runtime.world().size(), runtime.world().rank()).size();
  report.check("column → row fused: GeLU's output is not kept",
               column_row.bytes_kept - fused.bytes_kept == 4 * sizes.tokens * hidden);
  report.line(text("  For its backward pass it keeps ",
                   bytes_text(static_cast<double>(fused.bytes_kept)), ", column → row ",
                   bytes_text(static_cast<double>(column_row.bytes_kept)), " (", sizes, ")."));
}

std::vector<Outcome> try_designs(Runtime& runtime, Report& report, const MlpSizes& timing_sizes,
                                 int64_t repeat) {
  const std::unique_ptr<Communicator> alone = runtime.alone();
  Trial<ParallelMlp> unsplit(*alone, runtime.options().seed, check_sizes);
  unsplit.pass();
  check_unsplit(report, runtime.options().seed, unsplit);
  report.heading("Three designs against the unsplit MLP");
  std::vector<Outcome> designs;
  designs.push_back(
      try_design<RowRowMlp>(runtime, "row → row", unsplit, check_sizes, timing_sizes));
  designs.push_back(
      try_design<ColumnColumnMlp>(runtime, "column → column", unsplit, check_sizes, timing_sizes));
  designs.push_back(
      try_design<ParallelMlp>(runtime, "column → row", unsplit, check_sizes, timing_sizes));
  for (const Outcome& design : designs)
    report.check(design.name + ": Z, dX, gradients", design.largest_error(), 1e-5);
  show_fused(runtime, report, unsplit, designs[2], timing_sizes);
  std::vector<std::function<void()>> passes;
  for (const Outcome& design : designs) passes.push_back(design.pass);
  const std::vector<Timing> timings = time_in_turns(runtime, passes, repeat);
  for (size_t i = 0; i < designs.size(); ++i) designs[i].timing = timings[i];
  return designs;
}

void show_table(Report& report, const std::vector<Outcome>& designs, const MlpSizes& timing_sizes) {
  Table table({"", designs[0].name, designs[1].name, designs[2].name});
  const auto row = [&](const std::string& label, const auto& cell) {
    table.row({label, cell(designs[0]), cell(designs[1]), cell(designs[2])});
  };
  const auto bytes = [](const Ledger& ledger) {
    return bytes_text(static_cast<double>(ledger.bytes()));
  };
  table.row({to_string(check_sizes)});
  row("  error of Z", [](const Outcome& design) { return scientific(design.z_error); });
  row("  error of dX", [](const Outcome& design) { return scientific(design.dx_error); });
  row("  largest error of a gradient",
      [](const Outcome& design) { return scientific(design.gradient_error); });
  table.row({to_string(timing_sizes)});
  row("  forward", [](const Outcome& design) { return collectives_of(design.forward); });
  row("    bytes given to them", [&](const Outcome& design) { return bytes(design.forward); });
  row("  backward", [](const Outcome& design) { return collectives_of(design.backward); });
  row("    bytes given to them", [&](const Outcome& design) { return bytes(design.backward); });
  row("  sent by a rank, forward and backward, in rings",
      [](const Outcome& design) { return bytes_text(design.bytes_sent); });
  row("  time, forward and backward",
      [](const Outcome& design) { return seconds_text(design.timing.seconds); });
  row("  of it in collectives",
      [](const Outcome& design) { return fixed(100 * design.timing.share, 1) + " %"; });
  report.heading("One table (errors are relative, times are medians)");
  report.table(table);
}

/// The ledger of each design at the timing sizes. An all-gather is given this rank's columns, an
/// all-reduce all columns.
void check_ledgers(Communicator& world, Report& report, const std::vector<Outcome>& designs,
                   const MlpSizes& s) {
  const int64_t row = 4 * s.tokens, here = part_of(s.width, world.size(), world.rank()).size() +
                                           part_of(s.hidden, world.size(), world.rank()).size();
  const auto check = [&](const std::string& name, const Ledger& ledger, Collective op,
                         int64_t calls, int64_t bytes) {
    check_calls(report, name, ledger, {{.op = op, .calls = calls, .bytes = bytes}});
  };
  report.heading("The ledgers behind the table");
  const Outcome &row_row = designs[0], &column_column = designs[1], &column_row = designs[2];
  check("row → row: two all-reduces forward", row_row.forward, Collective::all_reduce, 2,
        row * (s.hidden + s.width));
  check("row → row: two all-gathers backward", row_row.backward, Collective::all_gather, 2,
        row * here);
  check("column → column: two all-gathers forward", column_column.forward, Collective::all_gather,
        2, row * here);
  check("column → column: two all-reduces backward", column_column.backward, Collective::all_reduce,
        2, row * (s.hidden + s.width));
  check("column → row: exactly one all-reduce of tokens × width forward", column_row.forward,
        Collective::all_reduce, 1, row * s.width);
  check("column → row: exactly one all-reduce of tokens × width backward", column_row.backward,
        Collective::all_reduce, 1, row * s.width);
  report.check("all three give the same Z at the timing size",
               larger(relative_error(row_row.z, column_row.z),
                      relative_error(column_column.z, column_row.z)),
               1e-5);
  if (world.size() == 1)
    return report.line("  With one rank nothing is sent, and the designs differ in copies only.");
  report.check("column → row sends least", column_row.bytes_sent < row_row.bytes_sent &&
                                               column_row.bytes_sent < column_column.bytes_sent);
  const std::string rows = fixed(row_row.bytes_sent / column_row.bytes_sent, 2),
                    columns = fixed(column_column.bytes_sent / column_row.bytes_sent, 2);
  report.line(text("  Column → row wins: it communicates nothing between its two products, and ",
                   rows == columns ? "each of the others sends " : "the others send ", rows,
                   rows == columns ? "" : " and " + columns, " times as much."));
}

/// The speed of three pairs of products, one forward and two backward: 2·tokens·width·hidden FLOP
/// per product.
void show_speed(Report& report, const Outcome& winner, const MlpSizes& s) {
  const double flop =
      12.0 * static_cast<double>(s.tokens) * static_cast<double>(s.width * s.hidden);
  const double gflops = flop / winner.timing.seconds / 1e9;
  Ledger both = winner.forward;
  for (const LedgerRow& row : winner.backward.rows())
    both.add(row.op, row.group, row.calls, row.bytes, row.seconds, row.travels, row.sent);
  report.heading(
      text("Column → row, forward and backward, ", s, ": the ledger of its first pass, its speed"));
  report.ledger(both);
  report.line(text("  ", seconds_text(winner.timing.seconds), " for ", fixed(flop / 1e9),
                   " GFLOP: ", fixed(gflops, 1), " GFLOP/s over all ranks, ",
                   fixed(100 * winner.timing.share, 1), " % of the time in collectives"));
  report.result("milliseconds", 1e3 * winner.timing.seconds);
  report.result("gflops", gflops);
  report.result("communication_share", winner.timing.share);
}

int main(int argc, char** argv) {
  MlpSizes sizes{.tokens = 256, .width = 256, .hidden = 0};
  int64_t repeat = 9;
  Options options("05_parallel_mlp",
                  "Z = GeLU(X·A + b)·B + c over several ranks, in three designs");
  options.size("--tokens", sizes.tokens, "rows of X, where time is measured");
  options.size("--width", sizes.width, "columns of X and Z there");
  options.size("--hidden", sizes.hidden, "columns of A there; 0 means 4 · width", 0);
  options.size("--repeat", repeat, "number of measurements; their median is reported", 1, 1000);
  options.offer_picture("a worked example of column → row");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    const int ranks = runtime.world().size();
    report.layout(ranks, 1);
    if (sizes.hidden == 0) sizes.hidden = 4 * sizes.width;
    check_usage(sizes, check_sizes, ranks);
    show_worked_example(runtime, report);
    const std::vector<Outcome> designs = try_designs(runtime, report, sizes, repeat);
    show_table(report, designs, sizes);
    check_ledgers(runtime.world(), report, designs, sizes);
    show_speed(report, designs[2], sizes);
  });
}
