#include "chapters/19_interleaved_pipeline/training.h"

#include "chapters/18_pipeline/executed.h"
#include "chapters/19_interleaved_pipeline/named_schedule.h"
#include "chapters/19_interleaved_pipeline/replays.h"
#include "common/check/reference.h"

namespace shard::chapter_19 {

Trial trial_of(Runtime& runtime, const Settings& s, const std::string& schedule) {
  const int chunks = s.chunks_of(schedule), stages = static_cast<int>(s.pp);
  return Trial(runtime.world(), s, named_schedule(schedule, stages, s.training.accumulate, chunks),
               cut_into_parts(s.sizes.layers, stages * chunks, end_costs(s.sizes)),
               chapter_18::passes<SplitBackward>());
}

void compare_training(Runtime& runtime, Report& report, const Settings& s) {
  report.heading(text("Training beside chapter 10: tp = ", s.tp, ", p = ", s.pp, ", d = ", s.dp,
                      ", m = ", s.training.accumulate, ", ", s.sizes.layers,
                      " layers, v = ", s.chunks));
  std::vector<std::vector<Trainer::Step>> steps;  // of chapter 10, then of each schedule
  std::vector<double> errors;
  bool same = true;
  for (const std::string& name : compared) {
    Trial got = trial_of(runtime, s, name);
    Reference expected(runtime.world(), s, got.stage());
    got.gradients(0);
    expected.gradients(0);
    errors.push_back(chapter_18::gradients_error(got, expected));
    same &= chapter_18::same_gradients(got, expected);
    if (steps.empty()) {
      for (int64_t i = 0; i < s.training.steps; ++i) {
        if (i == 0) steps.emplace_back();
        steps.front().push_back(expected.step(i));
      }
    }
    auto& own = steps.emplace_back();
    for (int64_t i = 0; i < s.training.steps; ++i) own.push_back(got.step(i));
  }
  Table table({"step", "", "chapter 10", "1f1b", "interleaved", "zb-h1"});
  double losses = 0, norms = 0;
  for (size_t i = 0; i < steps.front().size(); ++i) {
    std::vector<std::string> loss{text(i), "loss"}, norm{"", "norm"};
    for (const auto& of_run : steps) {
      const auto& [a, b] = std::pair(of_run[i], steps.front()[i]);
      loss.push_back(fixed(a.loss, 6));
      norm.push_back(fixed(a.gradient_norm, 6));
      losses = reference::larger(losses, reference::relative_error(a.loss, b.loss));
      norms = reference::larger(norms, reference::relative_error(a.gradient_norm, b.gradient_norm));
    }
    table.row(loss);
    table.row(norm);
  }
  report.table(table);
  for (size_t i = 0; i < compared.size(); ++i)
    report.check(compared[i] + ": gradients of every parameter", errors[i], 1e-6);
  // NCCL's and the GPU's sums may have another order in another group
  if (runtime.backend().device() == Device::cpu)
    report.check("gradients of all that one stage has: chapter 10's bits", same);
  report.check("losses on every rank", losses, 1e-5);
  report.check("gradient norms before clipping", norms, 1e-5);
}

namespace {

/// Borders of this stage's chunks with parts on other stages: over each, a micro-batch sends an
/// output and a gradient.
int64_t borders_of(const Trial& trial) {
  int64_t borders = 0;
  for (int chunk = 0; chunk < trial.model->chunks(); ++chunk) {
    const PipelinePart& part = trial.model->part(chunk);
    borders += (part.takes_tokens() ? 0 : 1) + (part.gives_losses() ? 0 : 1);
  }
  return borders;
}

struct Traffic {
  int64_t messages = 0, bytes = 0;
};
Traffic sent(const Ledger& ledger) {
  Traffic all{.messages = ledger.calls(Collective::send, "pp")};
  for (const LedgerRow& row : ledger.rows())
    if (row.group == "pp" && row.op == Collective::send) all.bytes += row.bytes;
  return all;
}

/// One row of each stage.
void add_rows(Runtime& runtime, Table& table, const std::string& name, const Trial& trial,
              const std::vector<int64_t>& numbers) {
  const int stage = trial.model->stages().rank();
  for (int other = 0; other < trial.settings.pp; ++other) {
    std::vector<std::string> row{other == 0 ? name : "", text(other)};
    for (const int64_t number : numbers) {
      const double of_stage =
          runtime.world().max_of(stage == other ? static_cast<double>(number) : 0.0);
      row.push_back(fixed(of_stage, 0));
    }
    table.row(row);
  }
}

}  // namespace

void observe_steps(Runtime& runtime, Report& report, const Settings& s) {
  report.heading("A step: sent to other stages, and the most that was kept");
  Table table(
      {"schedule", "stage", "messages", "bytes sent", "chunks kept", "queue", "queue's bytes"});
  std::string times;
  bool lists_are_done = true, sent_is_right = true, kept_is_right = true, queue_is_right = true;
  for (const std::string& name : compared) {
    Trial trial = trial_of(runtime, s, name);
    const auto& passes = static_cast<const SplitBackward&>(*trial.pipeline);
    const Ledger before = runtime.ledger();
    const Schedule done = chapter_18::executed(trial.grid, [&] { trial.gradients(0); });
    lists_are_done &= done == trial.schedule;
    times +=
        text(times.empty() ? "" : ", ", name, " ", short_number(time_of(done, s.chunks_of(name))));
    const auto [messages, bytes] = sent(runtime.ledger().since(before));
    const Range own =
        part_of(s.training.batch, static_cast<int>(s.dp), trial.grid.coordinate("dp"));
    sent_is_right &= messages == s.training.accumulate * borders_of(trial) &&
                     bytes == 4 * own.size() * s.sizes.context * s.sizes.width * borders_of(trial);
    const Steps& steps = trial.schedule[static_cast<size_t>(trial.stage())];
    kept_is_right &= passes.most_in_flight() == most_kept(steps);
    queue_is_right &= passes.longest_queue() == longest_queue(steps) &&
                      passes.longest_queue() <= (name == "zb-h1" ? trial.stage() + 1 : 0);
    add_rows(runtime, table, name, trial,
             {messages, bytes, passes.most_in_flight(), passes.longest_queue(),
              passes.most_queued_bytes()});
  }
  report.table(table);
  report.line("  the trace's order, replayed: " + times);
  report.check("every stage has executed its list", lists_are_done);
  report.check(
      text("sent: m messages over each border of a chunk, in each direction: between stages v "
           "times 1F1B's, and v - 1 times from the last to the first"),
      sent_is_right);
  report.check("chunks kept, by a counter: those of the lists", kept_is_right);
  report.check("passes in the queue: those of the lists, at most j + 1", queue_is_right);
}

}  // namespace shard::chapter_19
