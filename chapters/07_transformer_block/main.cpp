// Chapter 07: the pre-norm block of GPT-2. Attention and MLP are sharded, all else is replicated; f
// and g connect the two.
#include "chapters/07_transformer_block/masks.h"
#include "common/base/clock.h"
#include "common/check/calls.h"
#include "common/check/compare.h"
#include "common/comm/trace.h"
#include "common/tensor/ops.h"

using namespace shard;
using namespace shard::chapter_07;
using namespace shard::reference;

void show_picture(Report& report) {
  report.heading(
      "The block: ─ replicated, the same on all ranks; ═ sharded, each rank its heads or hidden "
      "columns");
  report.line(
      "  x ─┬─ norm₁ ─ f ═ attention ═ g ─ dropout ─ + ─ u    f: forward nothing, backward "
      "all-reduce");
  report.line(
      "     └────────────────────────────────────────┘        (inside ColumnParallelLinear)");
  report.line(
      "  u ─┬─ norm₂ ─ f ═════ MLP ═══ g ─ dropout ─ + ─ y    g: forward all-reduce, backward "
      "nothing");
  report.line("     └────────────────────────────────────────┘        (inside RowParallelLinear)");
}

void show_parameters(Runtime& runtime, Report& report, Trial& trial) {
  report.heading("Rank 0's part of each parameter");
  int64_t here = 0, whole = 0;
  Table table({"parameter", "whole", "rank 0"});
  for (const Parameter* parameter : trial.split.parameters()) {
    const bool all = runtime.world().size() == 1 || parameter->is_replicated();
    table.row({parameter->name, to_string(parameter->shard.whole),
               to_string(parameter->value.shape()), all ? "replicated" : "sharded"});
    here += parameter->value.elements();
    whole += parameter->shard.whole.elements();
  }
  const double share = static_cast<double>(here) / static_cast<double>(whole);
  table.row({"numbers in all", text(whole), text(here), fixed(100 * share, 1) + " %"});
  report.table(table);
  report.result("share_of_rank_0", share);
}

/// Returns what forward and backward have communicated.
Ledger check_forward_and_backward(Runtime& runtime, Report& report, Trial& trial,
                                  const DropoutMoment& moment) {
  const Parameters split = trial.split.parameters(), unsplit = trial.unsplit.parameters();
  zero_gradients(split);
  zero_gradients(unsplit);
  const Ledger start = runtime.ledger();
  const double start_time = now();
  TransformerBlock::Kept kept, kept_unsplit;
  const Tensor y = trial.split.forward(trial.x, trial.sizes.batch, moment, kept);
  const Ledger middle = runtime.ledger();
  const Tensor dx = trial.split.backward(trial.dy, kept);
  const Ledger end = runtime.ledger();
  runtime.backend().synchronize();
  trace_bar(TraceRow::compute, "step", "", start_time, now());  // what a timeline shows
  const Tensor y_unsplit = trial.unsplit.forward(trial.x, trial.sizes.batch, moment, kept_unsplit);
  const Tensor dx_unsplit = trial.unsplit.backward(trial.dy, kept_unsplit);

  const auto expected = [&](const Points& points) { return trial.expected(points, moment); };
  report.check("Y against double precision", relative_error(y, expected(trial.points)), 1e-5);
  check_split(report, "the unsplit block", {.y = y, .dx = dx, .parameters = split},
              {.y = y_unsplit, .dx = dx_unsplit, .parameters = unsplit}, 1e-5);
  const std::vector<double> errors =
      finite_difference_errors(loss_of(expected, Matrix(trial.dy)),
                               variables_of(trial.x, dx_unsplit, unsplit),
                               {runtime.options().seed, stream_of("samples")});
  report.check("dX and all parameters' gradients against finite differences", largest(errors),
               1e-4);
  check_calls(report, "forward: two all-reduces of tokens × width", middle.since(start),
              {{.op = Collective::all_reduce, .calls = 2, .bytes = 2 * y.bytes()}});
  check_calls(report, "backward: two all-reduces of tokens × width", end.since(middle),
              {{.op = Collective::all_reduce, .calls = 2, .bytes = 2 * dx.bytes()}});
  return end.since(start);
}

int main(int argc, char** argv) {
  Sizes sizes;
  double probability = 0.2;
  Options options("07_transformer_block",
                  "the pre-norm transformer block: what is replicated, what is sharded");
  options.size("--batch", sizes.batch, "sequences", 2);
  options.size("--context", sizes.context, "tokens of a sequence", 4);
  options.size("--heads", sizes.heads, "heads of the attention");
  options.size("--width", sizes.width, "columns of X", 8);
  options.size("--hidden", sizes.hidden, "columns inside the MLP", 16);
  options.number("--dropout", probability, "probability of dropping an element", 0.05, 0.9);
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    const auto [batch, context, heads, width, hidden] = sizes;
    const int ranks = runtime.world().size();
    report.layout(ranks, 1);
    require_usage(width % heads == 0, "--width ", width, " cannot be divided into --heads ", heads);
    require_usage(heads % ranks == 0, "--heads ", heads, " cannot be divided evenly among ", ranks,
                  " ranks");
    require_usage(hidden >= ranks, "--hidden ", hidden, " cannot be cut into ", ranks,
                  " parts: one for each rank");
    const double each_token = 60.0 * width + 8.0 * heads * context + 8.0 * hidden;
    require_memory(8 * each_token * batch * context,
                   text("--batch ", batch, " × --context ", context, " × --width ", width,
                        " × --hidden ", hidden));
    const DropoutMoment moment{
        .probability = static_cast<float>(probability), .seed = options.seed, .pass = 5};
    Trial trial(runtime, sizes, {.seed = options.seed, .weight = 0.2f, .vector = 0.5f});
    show_picture(report);
    show_parameters(runtime, report, trial);
    report.heading("Forward and backward against the unsplit block, without dropout");
    const Ledger ledger = check_forward_and_backward(runtime, report, trial, {});
    report.ledger(ledger);
    report.heading(text("The same with dropout of ", probability));
    check_forward_and_backward(runtime, report, trial, moment);
    check_masks(runtime, report, trial, moment);
    show_replicas(runtime, report, trial, moment);
  });
}
