// Chapter 07: the pre-norm block of GPT-2. Half of it is sharded, half is replicated, and f and g
// stand in between.
#include <cmath>

#include "chapters/07_transformer_block/transformer_block.h"
#include "chapters/07_transformer_block/trial.h"
#include "common/base/clock.h"
#include "common/check/compare.h"
#include "common/comm/trace.h"
#include "common/tensor/ops.h"

using namespace shard;
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
  report.heading("What rank 0 holds of each parameter");
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

bool are_two_all_reduces(const Ledger& ledger, const Tensor& of) {
  return ledger.calls() == 2 && ledger.calls(Collective::all_reduce) == 2 &&
         ledger.bytes() == 2 * of.bytes();
}

/// Returns what forward and backward have communicated.
Ledger check_forward_and_backward(Runtime& runtime, Report& report, Trial& trial,
                                  const DropoutMoment& moment) {
  const Parameters split = trial.split.parameters(), unsplit = trial.unsplit.parameters();
  zero_gradients(split);
  zero_gradients(unsplit);
  const Ledger before = runtime.ledger();
  const double start = now();
  TransformerBlock::Kept kept, kept_unsplit;
  const Tensor y = trial.split.forward(trial.x, trial.sizes.batch, moment, kept);
  const Ledger middle = runtime.ledger();
  const Tensor dx = trial.split.backward(trial.dy, kept);
  const Ledger after = runtime.ledger();
  runtime.backend().synchronize();
  trace_bar(TraceRow::compute, "step", "", start, now());  // what a timeline shows
  const Tensor y_unsplit = trial.unsplit.forward(trial.x, trial.sizes.batch, moment, kept_unsplit);
  const Tensor dx_unsplit = trial.unsplit.backward(trial.dy, kept_unsplit);

  report.check("Y against double precision",
               relative_error(y, trial.expected(trial.points, moment)), 1e-5);
  report.check("Y against the unsplit block", relative_error(y, y_unsplit), 1e-5);
  report.check("dX against the unsplit block", relative_error(dx, dx_unsplit), 1e-5);
  check_gradients(report, split, unsplit, 1e-5);
  double worst = 0;
  for (size_t i = 0; i < trial.points.size(); ++i) {
    const Tensor gradient = i == 0 ? dx_unsplit : unsplit[i - 1]->gradient;
    const auto loss = [&](const Matrix& point) {
      std::vector<Matrix> points = trial.points;
      points[i] = point;
      return dot(trial.expected(points, moment), Matrix(trial.dy));
    };
    worst = larger(worst, finite_difference_error(loss, trial.points[i], gradient.to_host(),
                                                  {runtime.options().seed, stream_of("samples")}));
  }
  report.check("dX and all parameters' gradients against finite differences", worst, 1e-4);
  report.check("forward: two all-reduces of tokens × width",
               are_two_all_reduces(middle.since(before), y));
  report.check("backward: two all-reduces of tokens × width",
               are_two_all_reduces(after.since(middle), dx));
  return after.since(before);
}

/// A block that shows its masks: x and all weights are zero, and so is all that it adds to x, but
/// for the bias of one projection, which is one. What comes out is that place's dropout of ones: 0
/// or 1/(1-p) in each element.
Tensor mask_of(Runtime& runtime, const Sizes& sizes, const std::string& place,
               const DropoutMoment& moment) {
  TransformerBlock block(runtime.world(), "h.0", sizes.block(), {0, 0.0f, 0.0f}, 0.0f);
  for (Parameter* parameter : block.parameters()) {
    if (parameter->name == "h.0." + place + ".c_proj.bias") fill(parameter->value, 1.0f);
  }
  TransformerBlock::Kept kept;
  return block.forward(Tensor::zeros(runtime.backend(), {sizes.batch * sizes.context, sizes.width}),
                       sizes.batch, moment, kept);
}

/// The largest relative difference between a rank's x and rank 0's: 0 if all ranks have the same
/// numbers.
double difference_of_ranks(Communicator& world, const Tensor& x) {
  Tensor of_rank_0 = x.clone();
  world.broadcast(of_rank_0, 0);
  return world.max_of(relative_error(x, of_rank_0));
}

void check_masks(Runtime& runtime, Report& report, Trial& trial, DropoutMoment moment) {
  report.heading("The masks themselves, over 10 passes");
  const double p = moment.probability;
  double difference = 0;
  bool near = true;
  Table table({"place", "probability", "dropped", "mean"});
  for (const std::string place : {"attn", "mlp"}) {
    double dropped = 0, sum = 0, count = 0;
    for (moment.pass = 0; moment.pass < 10; ++moment.pass) {
      const Tensor mask = mask_of(runtime, trial.sizes, place, moment);
      difference = larger(difference, difference_of_ranks(runtime.world(), mask));
      for (const float value : mask.to_host()) dropped += value == 0.0f, sum += value, ++count;
    }
    near = near && std::abs(dropped / count - p) < 4 * std::sqrt(p * (1 - p) / count);
    table.row({"h.0." + place, fixed(p, 4), fixed(dropped / count, 4), fixed(sum / count, 4)});
  }
  report.table(table);
  report.check("the dropped shares are within 4 standard deviations of the probability", near);
  report.check("every rank has the same masks", difference, 0);

  const int64_t last = trial.sizes.batch - 1, context = trial.sizes.context;
  const Range rows{last * context, (last + 1) * context};
  TransformerBlock::Kept kept;
  const Tensor y = trial.split.forward(trial.x, trial.sizes.batch, moment, kept);
  moment.first_sequence = last;
  const Tensor y_last = trial.split.forward(trial.x.slice(rows), 1, moment, kept);
  report.check("the last sequence by itself, told its place: as in the batch",
               relative_error(y_last, y.slice(rows)), 1e-5);
}

/// What keeps the replicated numbers equal is only that every rank computes the same. With a seed
/// for each rank, they part.
void show_replicas(Runtime& runtime, Report& report, Trial& trial, DropoutMoment moment) {
  report.heading("Replicated numbers: how far the ranks are from rank 0");
  Communicator& world = runtime.world();
  Table table({"dropout masks depend on", "Y", "replicated gradients"});
  double of_y = 0, of_gradients = 0;
  const auto measure = [&](const char* masks) {
    zero_gradients(trial.split.parameters());
    TransformerBlock::Kept kept;
    const Tensor y = trial.split.forward(trial.x, trial.sizes.batch, moment, kept);
    of_y = difference_of_ranks(world, y);
    trial.split.backward(trial.dy, kept);
    of_gradients = 0;
    for (const Parameter* parameter : trial.split.parameters()) {
      if (!parameter->is_replicated()) continue;
      of_gradients = larger(of_gradients, difference_of_ranks(world, parameter->gradient));
    }
    table.row({masks, scientific(of_y), scientific(of_gradients)});
  };
  measure("the place in the whole batch");
  const double right = larger(of_y, of_gradients);
  moment.seed += static_cast<uint64_t>(world.rank());  // the mistake
  measure("the place and the rank (wrong)");
  report.table(table);
  report.check("Y and the gradients of replicated parameters are identical on all ranks", right, 0);
  report.result("difference_with_masks_by_rank", of_y);
  if (world.size() == 1) return report.line("  With one rank there is nobody to disagree with.");
  report.check("with masks by rank, Y and gradients differ by more than 1 %",
               of_y > 0.01 && of_gradients > 0.01);
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
    require_usage(heads % ranks == 0, "--heads ", heads, " cannot be shared out evenly over ",
                  ranks, " ranks");
    require_usage(hidden >= ranks, "--hidden ", hidden, " cannot be cut into ", ranks,
                  " parts: one for each rank");
    const double each_token = 60.0 * width + 8.0 * heads * context + 8.0 * hidden;
    require_memory(8 * each_token * batch * context,
                   text("--batch ", batch, " × --context ", context, " × --width ", width,
                        " × --hidden ", hidden));
    const DropoutMoment moment{static_cast<float>(probability), options.seed, 5};
    Trial trial(runtime, sizes, {options.seed, 0.2f, 0.5f});
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
