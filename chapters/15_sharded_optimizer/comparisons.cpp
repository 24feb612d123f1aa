#include "chapters/15_sharded_optimizer/comparisons.h"

#include <cmath>

#include "chapters/11_checkpoints/checkpoint.h"
#include "chapters/11_checkpoints/temporary_folder.h"
#include "chapters/15_sharded_optimizer/costs.h"
#include "common/check/reference.h"

namespace shard::chapter_15 {
namespace {

constexpr Sharding shardings[] = {Sharding::moments, Sharding::gradients,
                                  Sharding::gradients_in_last_pass};

/// Steps that clip nothing: the norm is summed in another order, and so its last bits differ.
Settings without_clipping(Settings settings) {
  settings.training.clip = 0;
  return settings;
}

int64_t bytes_given(const Ledger& ledger, const std::string& group, Collective op) {
  int64_t bytes = 0;
  for (const LedgerRow& row : ledger.rows())
    if (row.op == op && row.group == group) bytes += row.bytes;
  return bytes;
}

}  // namespace

void compare_steps(Runtime& runtime, Report& report, const Settings& settings) {
  const Settings s = without_clipping(settings);
  const auto alone = runtime.alone();
  Run plain(runtime.world(), s, unsharded), unsplit(*alone, 1, s, unsharded);
  std::vector<std::unique_ptr<Run>> runs;
  std::vector<std::string> heading{"step", "unsplit", name_of(unsharded)};
  for (const Sharding sharding : shardings) {
    runs.push_back(std::make_unique<Run>(runtime.world(), s, sharding));
    heading.push_back(name_of(sharding));
  }
  const int64_t d = plain.data_parallel();
  report.heading(text("Losses of the same steps, tp = ", s.tp, ", d = ", d, ", ",
                      s.training.accumulate, " micro-batches a step"));
  Table table(heading);
  double loss_error = 0, norm_error = 0;
  for (int64_t step = 0; step < s.training.steps; ++step) {
    const double want = unsplit.step(step).loss;
    const Trainer::Step expected = plain.step(step);
    std::vector<std::string> cells{text(step), fixed(want, 6), fixed(expected.loss, 6)};
    for (auto& run : runs) {
      const Trainer::Step got = run->step(step);
      cells.push_back(fixed(got.loss, 6));
      loss_error = reference::larger(loss_error, reference::relative_error(got.loss, want));
      norm_error = reference::larger(norm_error, reference::relative_error(got.gradient_norm,
                                                                           expected.gradient_norm));
    }
    table.row(cells);
  }
  report.table(table);
  const double tolerance = tolerance_of(s);
  report.check("losses against the unsplit model", loss_error, tolerance);
  report.check("gradient norms against chapter 10's", norm_error, 10 * tolerance);
  for (size_t i = 0; i < runs.size(); ++i) {
    const std::string name = name_of(shardings[i]);
    // m sums of d terms add in another order than one sum of d sums
    const bool exact = adds_in_one_order(runtime, d) &&
                       (shardings[i] != Sharding::gradients || s.training.accumulate == 1);
    report.check(name + ": gradients of the last step against chapter 10's",
                 gradients_error(*runs[i], plain), exact ? 0 : 10 * tolerance);
    if (exact) {
      report.check(name + ": the weights have chapter 10's bits", same_weights(*runs[i], plain));
    } else {
      report.check(name + ": weights against chapter 10's", weights_error(*runs[i], plain),
                   10 * tolerance);
    }
  }
}

/// Whether the step's calls between the data-parallel ranks are those that the formula says.
static bool calls_are_right(const Ledger& step, Run& run, int64_t reductions) {
  const std::string group = run.grid.dp().name();
  const int64_t weight = size_of(type_of(run.settings.training.precision));
  std::vector<Calls> scatters, gathers;
  for (const GradientShards::Bucket& bucket : run.shards->buckets()) {
    scatters.push_back(scatters_of_bucket(bucket.flat.padded(), reductions));
    gathers.push_back(gather_of_bucket(bucket.flat.padded(), run.data_parallel(), weight));
  }
  const auto are_right = [&](const std::vector<Calls>& expected) {
    int64_t calls = 0, bytes = 0;
    for (const Calls& one : expected) calls += one.calls, bytes += one.bytes;
    const Collective op = expected.front().op;
    return bytes_given(step, group, op) == bytes && step.calls(op, group) == calls;
  };
  return are_right(scatters) && are_right(gathers) &&
         bytes_given(step, group, Collective::all_reduce) == 4;  // of the loss
}

void compare_ledgers(Runtime& runtime, Report& report, const Settings& s) {
  const int64_t d = runtime.world().size() / s.tp, m = s.training.accumulate;
  report.heading(text("What a step gives to the collectives of ", d, " data-parallel ranks, with ",
                      m, " micro-batches"));
  Table table({"", "all_reduce", "reduce_scatter", "all_gather", "sent"});
  bool right = true;
  double sent_by_plain = 0, sent_in_two_halves = 0;
  for (const Parts parts :
       {unsharded, Parts(shardings[0]), Parts(shardings[1]), Parts(shardings[2])}) {
    Run run(runtime.world(), s, parts);
    const Ledger before = runtime.ledger();
    run.step(0);
    const Ledger step = runtime.ledger().since(before);
    const std::string group = run.grid.dp().name();
    std::vector<std::string> cells{name_of(parts)};
    for (const Collective op :
         {Collective::all_reduce, Collective::reduce_scatter, Collective::all_gather})
      cells.push_back(bytes_text(static_cast<double>(bytes_given(step, group, op))));
    double sent = 0;
    for (const LedgerRow& row : step.rows())
      if (row.group == group) sent += static_cast<double>(row.sent);
    cells.push_back(bytes_text(sent));
    table.row(cells);
    if (!parts) sent_by_plain = sent;
    if (parts == Sharding::moments) sent_in_two_halves = sent;
    if (parts && d > 1)
      right = right && calls_are_right(step, run, *parts == Sharding::gradients ? m : 1);
  }
  report.table(table);
  report.check(text("4·Ψ to reduce_scatter (ZeRO-2: times ", m,
                    "), the weights' Ψ/d to all_gather, the loss to all_reduce"),
               right);
  if (s.training.precision != Precision::bf16 && d > 1) {
    report.check("ZeRO-1 sends what chapter 10 sends, but for padding",
                 reference::relative_error(sent_in_two_halves, sent_by_plain), 0.01);
  }
}

void compare_resumed(Runtime& runtime, Report& report, const Settings& s) {
  const int ranks = runtime.world().size();
  const int64_t half = s.training.steps / 2;
  const chapter_11::TemporaryFolder folder(runtime.world());
  Run run(runtime.world(), 1, s, Sharding::gradients);
  for (int64_t step = 0; step < half; ++step) run.step(step);
  std::string characters;
  for (int64_t i = 0; i < s.sizes.vocabulary; ++i) characters += static_cast<char>('0' + i % 78);
  const CheckpointInfo info{
      .step = half, .sizes = s.sizes, .settings = s.training, .characters = characters, .data = {}};
  const std::string saved = Checkpoints(runtime.world(), folder.path() + "/saved", 1)
                                .save(run.trainer.optimizer().state(), info);
  report.heading(text("Saved by d = ", ranks, " after step ", half - 1, ", resumed by others"));
  std::vector<double> expected;
  for (int64_t step = half; step < s.training.steps; ++step)
    expected.push_back(run.step(step).loss);
  std::vector<std::string> heading{""}, cells{text("d = ", ranks, ", not interrupted")};
  for (size_t i = 0; i < expected.size(); ++i) {
    heading.push_back(text("loss ", half + static_cast<int64_t>(i)));
    cells.push_back(fixed(expected[i], 6));
  }
  Table table(heading);
  table.row(cells);
  double worst = 0;
  for (int used = ranks; used >= 0; --used) {  // 0: on one rank, with chapter 10's parts
    const bool takes_part = runtime.world().rank() < std::max(used, 1);
    const auto group = runtime.world().split(takes_part ? 0 : 1, "resumed");
    std::vector<std::string> row{used == 0 ? "without sharding" : text("d = ", used)};
    if (takes_part) {
      Run other(*group, 1, s, used == 0 ? unsharded : Parts(Sharding::moments));
      load_checkpoint(saved, other.trainer.optimizer(), false);
      for (size_t i = 0; i < expected.size(); ++i) {
        const double loss = other.step(half + static_cast<int64_t>(i)).loss;
        row.push_back(fixed(loss, 6));
        worst = reference::larger(worst, reference::relative_error(loss, expected[i]));
      }
    }
    table.row(row);
  }
  report.table(table);
  report.check("losses after resuming", worst, tolerance_of(s));
}

}  // namespace shard::chapter_15
