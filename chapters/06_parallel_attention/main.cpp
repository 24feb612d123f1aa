// Chapter 06: causal multi-head attention. The heads are independent of each other, so each rank
// can compute some of them.
#include <cmath>

#include "chapters/06_parallel_attention/one_operation.h"
#include "chapters/06_parallel_attention/parallel_attention.h"
#include "chapters/06_parallel_attention/picture.h"
#include "chapters/06_parallel_attention/trial.h"
#include "common/check/calls.h"
#include "common/check/compare.h"
#include "common/tensor/ops.h"

using namespace shard;
using namespace shard::chapter_06;
using namespace shard::reference;

/// One character for each head of Q, K and V: the (last digit of the) rank that `owner` names.
std::string drawn_heads(int64_t heads, const std::function<int64_t(int64_t)>& owner) {
  std::string line;
  for (int64_t i = 0; i < 3 * heads; ++i)
    line += text(i > 0 && i % heads == 0 ? "  " : "", owner(i) % 10);
  return line;
}

void show_cut(Runtime& runtime, Report& report, const Sizes& sizes) {
  const int ranks = runtime.world().size();
  const int64_t heads = sizes.heads, each = heads / ranks;
  const std::string gap(static_cast<size_t>(heads) + 1, ' ');
  report.heading(
      "Which rank holds which columns of A = [Q K V]: one character is one head, the digit is its "
      "rank");
  report.line("                 Q" + gap + "K" + gap + "V");
  report.line("  cut by heads   " +
              drawn_heads(heads, [&](int64_t i) { return i % heads / each; }));
  report.line("  one range each " + drawn_heads(heads, [&](int64_t i) { return i / (3 * each); }) +
              (ranks > 1 ? "  (wrong)\n" : "\n"));
  Table table({"rank", "heads", "columns of Q", "columns of K", "columns of V"});
  for (int rank = 0; rank < ranks; ++rank) {
    std::vector<std::string> row{text(rank), text(rank * each, " … ", (rank + 1) * each - 1)};
    for (const Range& range : qkv_columns(sizes.width, heads, ranks, rank)) {
      row.push_back(text(range.begin, " … ", range.end - 1));
    }
    table.row(row);
  }
  report.table(table);
}

/// Returns what forward and backward have communicated.
Ledger check_forward_and_backward(Runtime& runtime, Report& report, Trial& trial,
                                  const AttentionDropout& dropout) {
  const Parameters split = trial.split.parameters(), unsplit = trial.unsplit.parameters();
  zero_gradients(split);
  zero_gradients(unsplit);
  const Ledger start = runtime.ledger();
  ParallelAttention::Kept kept, kept_unsplit;
  const Tensor y = trial.split.forward(trial.x, trial.sizes.batch, dropout, kept);
  const Ledger middle = runtime.ledger();
  const Tensor dx = trial.split.backward(trial.dy, kept);
  const Ledger end = runtime.ledger();
  trial.unsplit.forward(trial.x, trial.sizes.batch, dropout, kept_unsplit);
  const Tensor dx_unsplit = trial.unsplit.backward(trial.dy, kept_unsplit);

  const auto expected = [&](const Points& points) { return trial.expected(points, dropout); };
  report.check("Y against double precision", relative_error(y, expected(trial.points)), 1e-5);
  check_split(report, "the unsplit layer", {.y = {}, .dx = dx, .parameters = split},
              {.y = {}, .dx = dx_unsplit, .parameters = unsplit}, 1e-5);
  check_one_operation(runtime, report, trial, dropout, y, dx);
  check_finite_differences(report, loss_of(expected, Matrix(trial.dy)),
                           variables_of(trial.x, dx_unsplit, unsplit),
                           {runtime.options().seed, stream_of("samples")}, 1e-4);
  check_calls(report, "forward: one all-reduce of tokens × width", middle.since(start),
              {{.op = Collective::all_reduce, .calls = 1, .bytes = y.bytes()}});
  check_calls(report, "backward: one all-reduce of tokens × width", end.since(middle),
              {{.op = Collective::all_reduce, .calls = 1, .bytes = dx.bytes()}});
  return end.since(start);
}

/// A data-parallel rank or a micro-batch has only some sequences of the batch. first_sequence says
/// which, so that each probability gets the same mask as in the whole batch.
void check_halves(Report& report, Trial& trial, AttentionDropout dropout) {
  report.heading("The batch in two halves, with the dropout of the whole batch");
  const int64_t batch = trial.sizes.batch, half = batch / 2, context = trial.sizes.context;
  const Parameters split = trial.split.parameters(), unsplit = trial.unsplit.parameters();
  zero_gradients(split);
  zero_gradients(unsplit);
  const Tensor &x = trial.x, &dy = trial.dy;
  ParallelAttention::Kept kept;
  const Tensor y = trial.unsplit.forward(x, batch, dropout, kept),
               dx = trial.unsplit.backward(dy, kept);
  double error = 0;
  for (const Range sequences : {Range{0, half}, Range{half, batch}}) {
    const Range rows{sequences.begin * context, sequences.end * context};
    dropout.first_sequence = sequences.begin;
    const Tensor y_half = trial.split.forward(x.slice(rows), sequences.size(), dropout, kept);
    error = larger(error, relative_error(y_half, y.slice(rows)));
    const Tensor dx_half = trial.split.backward(dy.slice(rows), kept);
    error = larger(error, relative_error(dx_half, dx.slice(rows)));
  }
  report.check("Y and dX of both halves are those of the whole", error, 1e-5);
  report.check("parameter gradients of the halves add up to those of the whole",
               largest_gradient_error(split, unsplit), 1e-5);
}

void check_causality(Runtime& runtime, Report& report, Trial& trial) {
  report.heading("Causality: one token in the middle of the first sequence is changed");
  const int64_t width = trial.sizes.width, token = trial.sizes.context / 2;
  Matrix changed = trial.points[0];  // X
  for (int64_t i = 0; i < width; ++i) changed(token, i) += 1 + changed(0, i);
  ParallelAttention::Kept kept;
  const Matrix y(trial.split.forward(trial.x, trial.sizes.batch, {}, kept));
  const Tensor x_changed = to_tensor(runtime.backend(), changed);
  const Matrix y_changed(trial.split.forward(x_changed, trial.sizes.batch, {}, kept));
  double before = 0, after = 0, elsewhere = 0;  // the largest difference there
  for (int64_t row = 0; row < y.rows; ++row) {
    double& place = row < token ? before : row < trial.sizes.context ? after : elsewhere;
    for (int64_t i = 0; i < width; ++i)
      place = larger(place, std::abs(y(row, i) - y_changed(row, i)));
  }
  report.check("outputs before it: not one bit changes", before, 0);
  report.check("outputs of the other sequences: not one bit changes", elsewhere, 0);
  report.check("outputs from it on: they change", after > 0.01);
}

/// Two ways to cut A that fail: like a plain matrix, and through a head.
void show_failing_designs(Runtime& runtime, Report& report, Trial& trial, const Init& init) {
  report.heading("The cut that fails: one range of 3·width/t columns of A for each rank");
  Communicator& world = runtime.world();
  const Sizes& sizes = trial.sizes;
  // chapter 04's own cut
  ColumnParallelLinear qkv(world, "attn.c_attn", sizes.width, 3 * sizes.width, init);
  RowParallelLinear projection(world, "attn.c_proj", sizes.width, sizes.width,
                               init.with_weight(0.3f));
  ParallelAttention::Kept kept;
  // [tokens × 3·width/t], taken for Q_i K_i V_i
  const Tensor mine = qkv.forward(trial.x, kept.qkv);
  const Matrix heads = attention(Matrix(mine), sizes.batch, sizes.heads / world.size());
  const Tensor y = projection.forward(to_tensor(runtime.backend(), heads), kept.projection);
  const double error = relative_error(y, trial.expected(trial.points, {}));
  report.line("  All shapes fit, so there is no error message; relative error of Y: " +
              scientific(error));
  report.result("error_one_range_each", error);
  if (world.size() == 1) report.line("  With one rank both cuts are the same, so this is right.");
  if (world.size() > 1)
    report.check("the cut into one range each is wrong by more than 1 %", error > 0.01);

  report.heading("A head is never cut: 5 heads on 2 ranks");
  try {
    qkv_columns(60, 5, 2, 0);
    report.check("refused", false);
  } catch (const UsageError& refusal) {
    report.check(text("refused: \"", refusal.what(), "\""), true);
  }
}

int main(int argc, char** argv) {
  Sizes sizes;
  double probability = 0.2;
  int64_t timing_context = 512;
  bool tiles = false;
  Options options("06_parallel_attention",
                  "causal multi-head attention with its heads divided among the ranks");
  options.size("--batch", sizes.batch, "sequences", 2);
  options.size("--context", sizes.context, "tokens of a sequence");
  options.size("--heads", sizes.heads, "heads: what is divided among the ranks");
  options.size("--width", sizes.width, "columns of X; each head has width/heads of them");
  options.number("--dropout", probability, "probability of dropping an attention probability", 0,
                 0.99);
  options.size("--timing-context", timing_context, "the largest context that is timed", 128);
  options.flag("--tiles", tiles, "draw the tiles of attention as one operation on a GPU");
  options.offer_picture("the cut of the QKV matrix, or with --tiles those of attention on a GPU");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    const auto [batch, context, heads, width] = sizes;
    const int ranks = runtime.world().size();
    report.layout(ranks, 1);
    require_usage(width % heads == 0, "--width ", width, " cannot be divided into --heads ", heads);
    require_usage(heads % ranks == 0, "--heads ", heads, " cannot be divided evenly among ", ranks,
                  " ranks");
    const double each_token = 40.0 * width + 8.0 * heads * context;
    require_memory(8 * each_token * batch * context,
                   text("--batch ", batch, " × --context ", context, " × --width ", width));
    require_memory(80.0 * ranks * timing_context * timing_context,
                   text("--timing-context ", timing_context));
    const Init init{.seed = options.seed, .weight = 0.2f, .vector = 0.5f};
    show_cut(runtime, report, sizes);
    Trial trial(runtime, sizes, init);
    if (!options.picture.empty())
      tiles ? draw_tiles(report) : draw_qkv_cut(runtime, report, trial.split, width);
    report.heading("Forward and backward against the unsplit layer");
    const Ledger ledger = check_forward_and_backward(runtime, report, trial, {});
    report.ledger(ledger);
    report.heading(text("The same with dropout of ", probability, " on the probabilities"));
    const AttentionDropout dropout{.probability = static_cast<float>(probability),
                                   .random = {options.seed, stream_of("dropout")}};
    check_forward_and_backward(runtime, report, trial, dropout);
    check_halves(report, trial, dropout);
    check_causality(runtime, report, trial);
    show_growing_contexts(runtime, report, timing_context);
    show_failing_designs(runtime, report, trial, init);
  });
}
