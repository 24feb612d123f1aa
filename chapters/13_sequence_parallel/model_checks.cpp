#include "chapters/13_sequence_parallel/model_checks.h"

#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "chapters/13_sequence_parallel/batches.h"
#include "chapters/13_sequence_parallel/row_collectives.h"
#include "common/base/counted.h"
#include "common/check/calls.h"
#include "common/check/compare.h"

namespace shard::chapter_13 {

using reference::larger;
using reference::relative_error;

namespace {

struct Task {
  Backend& backend;
  GptSizes sizes;
  TrainingSettings settings;
  Init init;

  BatchOf batch(int64_t step) const {
    return [this, step](Range range) {
      return random_batch(backend, sizes, settings.seed, step, range);
    };
  }
};

/// What the tp ranks do in one gradient computation of one micro-batch: 6 and 4 in each block, and
/// at each end of the model 1 and 1, of which one is forward and one backward.
void check_step(Report& report, const Ledger& step, const Task& task, int tp) {
  const auto [gathers, scatters] = row_collectives(task.sizes.layers);
  const auto holds = [&](Collective op, int64_t calls) { return step.calls(op, "tp") == calls; };
  report.check(
      text("tp ", tp, ": 6 all-gathers and 4 reduce-scatters a block, 2 and 2 at the ends"),
      holds(Collective::all_gather, gathers) && holds(Collective::reduce_scatter, scatters),
      calls_in(step));
  report.check(text("tp ", tp, ": all-reduces only in the loss, and one of gradients"),
               holds(Collective::all_reduce, 2 + 1) && holds(Collective::all_reduce_max, 1),
               calls_in(step));
}

}  // namespace

void check_layouts(Runtime& runtime, Report& report, const Sizes& sizes, int64_t layers,
                   double dropout) {
  constexpr int64_t steps = 3;
  report.heading(text("A GPT of ", counted(layers, "layer"), " in the trainer of chapter 10, ",
                      steps, " steps in each layout"));
  const uint64_t seed = runtime.options().seed;
  Task task{runtime.backend(),
            {.vocabulary = 61,
             .context = sizes.context,
             .width = sizes.width,
             .heads = sizes.heads,
             .layers = layers},
            {},
            {.seed = seed, .weight = 0.2f, .vector = 0.3f}};
  task.settings.batch = sizes.batch, task.settings.seed = seed, task.settings.dropout = dropout;
  task.settings.warmup = 0, task.settings.steps = steps;
  const auto alone = runtime.alone();
  Grid single(*alone, {});
  Table table({"tp × dp", "loss 1", "loss 2", "loss 3", "norm", "losses", "gradients"});
  const int ranks = runtime.world().size();
  double loss_error = 0, norm_error = 0, errors = 0;
  for (int tp = 1; tp <= ranks; ++tp) {
    const int dp = ranks / tp;
    if (ranks % tp != 0 || sizes.batch < dp) continue;
    Grid grid(runtime.world(), {{"tp", tp}, {"dp", dp}});
    Gpt unsplit(single.tp(), task.sizes, task.init);
    SequenceParallelGpt model(grid.tp(), task.sizes, task.init);
    Trainer expected(single, unsplit, task.settings), trainer(grid, model, task.settings);
    const Ledger start = runtime.ledger();
    trainer.gradients(0, task.batch(0));  // before any update, and before clipping
    const Ledger step_ledger = runtime.ledger().since(start);
    expected.gradients(0, task.batch(0));
    const double gradients =
        runtime.world().max_of(largest_gradient_error(model.parameters(), unsplit.parameters()));
    if (tp > 1) check_step(report, step_ledger, task, tp);
    std::vector<std::string> row{text(tp, " × ", dp)};
    double of_losses = 0, norm = 0;
    for (int64_t step = 0; step < steps; ++step) {
      const Trainer::Step got = trainer.step(step, task.batch(step)),
                          right = expected.step(step, task.batch(step));
      of_losses = larger(of_losses, relative_error(got.loss, right.loss));
      norm_error = larger(norm_error, relative_error(got.gradient_norm, right.gradient_norm));
      if (step == 0) norm = got.gradient_norm;
      row.push_back(fixed(got.loss, 6));
    }
    row.insert(row.end(), {fixed(norm, 6), scientific(of_losses), scientific(gradients)});
    table.row(row);
    loss_error = larger(loss_error, of_losses), errors = larger(errors, gradients);
  }
  report.table(table);
  report.check("gradients of all parameters are those of the unsplit model", errors, 1e-4);
  report.check("so are the losses of all steps", loss_error, 1e-4);
  report.check("so are the norms before clipping", norm_error, 1e-4);
}

}  // namespace shard::chapter_13
