#include "chapters/18_pipeline/comparisons.h"

#include <cmath>

#include "chapters/18_pipeline/executed.h"
#include "common/base/counted.h"
#include "common/check/reference.h"

namespace shard::chapter_18 {

const std::vector<NamedSteps>& schedules() {
  static const std::vector<NamedSteps> all{{"GPipe", gpipe}, {"1F1B", one_forward_one_backward}};
  return all;
}

void show_schedules(Report& report) {
  constexpr int stages = 4, micro_batches = 8;
  report.heading(
      text("4 stages, 8 micro-batches: F3 is the forward pass of micro-batch 3, a unit of "
           "time; B3 the backward pass, two"));
  Table table({"", "time", "idle / all time", "idle / ideal time", "kept by stage 0, 1, 2, 3"});
  for (const auto& [name, steps] : schedules()) {
    const Schedule schedule = schedule_of(steps, stages, micro_batches);
    const Replay timed = replay(schedule, StepCosts::units());
    report.line("  " + name);
    for (const std::string& line : drawn(timed)) report.line("    " + line);
    std::string kept;
    for (const Steps& of_stage : schedule) kept += text(" ", most_in_flight(of_stage));
    table.row({name, fixed(timed.total(), 0), fixed(timed.idle_share(), 4),
               fixed(timed.idle_over_ideal(), 4), kept});
  }
  report.table(table);
  double share = 0, over_ideal = 0;
  for (const auto& [p, m] : {std::pair{4, 8}, {4, 2}, {2, 5}, {3, 4}}) {
    for (const auto& [name, steps] : schedules()) {
      const Replay timed = replay(schedule_of(steps, p, m), StepCosts::units());
      share = std::max(share, std::abs(timed.idle_share() - (p - 1.0) / (m + p - 1.0)));
      over_ideal = std::max(over_ideal, std::abs(timed.idle_over_ideal() - (p - 1.0) / m));
    }
  }
  report.check("idle / all time = (p-1)/(m+p-1), for (p, m) = (4, 8), (4, 2), (2, 5), (3, 4)",
               share, 1e-9);
  report.check("idle / ideal time = (p-1)/m", over_ideal, 1e-9);
}

void show_cut(Report& report, const Settings& s) {
  const EndCosts costs = end_costs(s.sizes);
  report.heading(text(counted(s.sizes.layers, "layer"), " and a head that costs ",
                      fixed(costs.head), " of them, cut into ", counted(s.pp, "stage")));
  Table table({"stage", "layers", "", "cost"});
  const std::vector<GptStage> parts = cut_into_parts(s.sizes.layers, static_cast<int>(s.pp), costs);
  for (size_t stage = 0; stage < parts.size(); ++stage) {
    const GptStage& part = parts[stage];
    std::string ends = part.embedding ? "embedding" : "";
    if (part.head) ends += part.embedding ? ", head" : "head";
    table.row({text(stage),
               part.layers.size() == 0
                   ? "none"
                   : text("h.", part.layers.begin, " … h.", part.layers.end - 1),
               ends, fixed(cost_of(part, costs))});
  }
  report.table(table);
}

/// Whether the first and the last stage have the same table, bit for bit.
static bool same_tables(Trial& trial) {
  Communicator& pp = trial.model->stages();
  Tensor first, mine;
  for (const Parameter* parameter : trial.model->parameters())
    if (parameter->name == "wte.weight") mine = parameter->value;
  const Shape shape{static_cast<int64_t>(pp.max_of(mine ? static_cast<double>(mine.rows()) : 0)),
                    trial.settings.sizes.width};
  first = pp.rank() == 0 ? mine.clone() : Tensor(pp.backend(), shape);
  pp.broadcast(first, 0);
  return !mine || mine.to_host() == first.to_host();
}

void compare_training(Runtime& runtime, Report& report, const Settings& s,
                      const NamedSteps& schedule) {
  report.heading(text(schedule.name, " beside chapter 10: tp = ", s.tp, ", p = ", s.pp,
                      ", d = ", s.dp, ", m = ", s.training.accumulate));
  Trial got(runtime.world(), s, schedule.steps);
  Reference expected(runtime.world(), s, got.stage());
  const bool equal_start = same_tables(got);
  got.gradients(0);
  expected.gradients(0);
  const bool same = same_gradients(got, expected);
  const double of_table = table_error(got, expected), of_all = gradients_error(got, expected);
  Table table({"step", "loss", "loss, chapter 10", "gradient norm", "norm, chapter 10"});
  double losses = 0, norms = 0;
  for (int64_t step = 0; step < s.training.steps; ++step) {
    const Trainer::Step a = got.step(step), b = expected.step(step);
    table.row({text(step), fixed(a.loss, 6), fixed(b.loss, 6), fixed(a.gradient_norm, 6),
               fixed(b.gradient_norm, 6)});
    losses = reference::larger(losses, reference::relative_error(a.loss, b.loss));
    norms = reference::larger(norms, reference::relative_error(a.gradient_norm, b.gradient_norm));
  }
  report.table(table);
  // NCCL's and the GPU's sums may have another order in another group
  if (runtime.backend().device() == Device::cpu)
    report.check("gradients of all that one stage has: chapter 10's bits", same);
  report.check("gradients of every parameter", of_all, 1e-4);
  report.check("gradient of the table on two stages", of_table, 1e-5);
  report.check("losses on every rank", losses, 1e-5);
  report.check("gradient norms, the table counted once", norms, 1e-5);
  report.check("the first and the last stage begin with the same table", equal_start);
  report.check(text("and have the same one after ", counted(s.training.steps, "step")),
               same_tables(got));
}

/// What the stage's messages of a step must be: an output to the next stage, a gradient to the one
/// before, for each row of this rank's share.
static bool sent_is_right(const Trial& trial, const Ledger& step) {
  const Settings& s = trial.settings;
  const int stage = trial.model->stages().rank();
  const int64_t messages =
                    messages_of_stage(stage, static_cast<int>(s.pp), 1, s.training.accumulate),
                neighbours = messages / s.training.accumulate;
  const Range mine = part_of(s.training.batch, static_cast<int>(s.dp), trial.grid.coordinate("dp"));
  const int64_t bytes = 4 * mine.size() * s.sizes.context * s.sizes.width * neighbours;
  int64_t sent = 0, received = 0;
  for (const LedgerRow& row : step.rows()) {
    if (row.group != "pp") continue;
    if (row.op == Collective::send) sent += row.bytes;
    if (row.op == Collective::receive) received += row.bytes;
  }
  return sent == bytes && received == bytes && step.calls(Collective::send, "pp") == messages &&
         step.calls(Collective::receive, "pp") == messages;
}

NamedReplay observe_step(Runtime& runtime, Report& report, const Settings& s,
                         const NamedSteps& schedule) {
  Trial trial(runtime.world(), s, schedule.steps);
  int64_t most_bytes = 0;
  trial.pipeline->after_step = [&](const Step&) {
    most_bytes = std::max(most_bytes, trial.model->part(0).bytes_kept());
  };
  const Ledger before = runtime.ledger();
  const Schedule done = executed(trial.grid, [&] { trial.gradients(0); });
  const Ledger ledger = runtime.ledger().since(before);
  const Replay timed = replay(done, StepCosts::units());
  report.heading(text("A step of ", schedule.name, ", from its trace"));
  if (timed.total() <= 45)
    for (const std::string& line : drawn(timed)) report.line("    " + line);
  Table table({"stage", "micro-batches kept", "bytes kept"});
  for (int stage = 0; stage < s.pp; ++stage) {
    const auto of_stage = [&](int64_t mine) {
      return runtime.world().max_of(trial.stage() == stage ? static_cast<double>(mine) : 0.0);
    };
    table.row({text(stage), fixed(of_stage(trial.pipeline->most_in_flight()), 0),
               bytes_text(of_stage(most_bytes))});
  }
  report.table(table);
  const auto p = static_cast<double>(s.pp), m = static_cast<double>(s.training.accumulate);
  report.check("every stage has executed its list", done == trial.schedule);
  const bool is_gpipe = schedule.steps == gpipe;
  report.check(is_gpipe ? "stage j has kept m micro-batches"
                        : "stage j has kept min(m, p-j) micro-batches",
               trial.pipeline->most_in_flight() ==
                   (is_gpipe ? s.training.accumulate
                             : std::min(s.training.accumulate, s.pp - trial.stage())));
  report.check("idle / all time of the trace's order = (p-1)/(m+p-1)",
               std::abs(timed.idle_share() - (p - 1) / (m + p - 1)), 1e-9);
  report.check("idle / ideal time = (p-1)/m", std::abs(timed.idle_over_ideal() - (p - 1) / m),
               1e-9);
  report.check("sent to each neighbour: the rank's rows × width × 4 bytes, in m messages",
               sent_is_right(trial, ledger));
  return {schedule.name, timed};
}

}  // namespace shard::chapter_18
