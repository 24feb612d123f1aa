#include "chapters/20_context_parallel/model_checks.h"

#include "chapters/10_tensor_and_data_parallel/self_checks.h"
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "chapters/13_sequence_parallel/batches.h"
#include "chapters/20_context_parallel/model_trial.h"
#include "chapters/20_context_parallel/ring_attention.h"
#include "common/base/counted.h"
#include "common/check/compare.h"
#include "common/check/reference.h"

namespace shard::chapter_20 {

using reference::larger;
using reference::relative_error;

void check_model(Runtime& runtime, Report& report, const Sizes& sizes, float dropout) {
  report.heading(text("A GPT of ", counted(sizes.layers, "layer"), ", dropout ", dropout,
                      ", against chapter 10's: some tokens have no loss"));
  ModelTrial trial(runtime, sizes, dropout);
  Table table({"", "tokens with a loss", "losses", "gradients"});
  double losses = 0, gradients = 0;
  for (const Way& way : ways_of(runtime.world())) {
    const auto model = trial.model_of(way);
    const double of_losses = relative_error(trial.pass(*model, *way, trial.mean()), trial.losses);
    trial.sum_gradients(*model);
    const double of_gradients = runtime.world().max_of(
        largest_gradient_error(model->parameters(), trial.unsplit.parameters()));
    std::string counts;
    for (const int64_t count : trial.tokens_with_loss(way->cut()))
      counts += text(counts.empty() ? "" : " + ", count);
    table.row({name_of(*way), counts, scientific(of_losses), scientific(of_gradients)});
    losses = larger(losses, of_losses), gradients = larger(gradients, of_gradients);
  }
  report.table(table);
  report.check("losses of all tokens, each way", losses, 1e-5);
  report.check("gradients of all parameters, divided by the tokens with a loss of all ranks",
               gradients, 1e-5);
}

namespace {

struct Layout {
  int tp, cp, dp;
};

/// All grids of `ranks` ranks that this model and its batch allow.
std::vector<Layout> layouts_of(int ranks, const Sizes& sizes) {
  std::vector<Layout> all;
  for (int cp = ranks; cp >= 1; --cp)
    for (int tp = 1; tp <= ranks / cp; ++tp)
      if (ranks % (cp * tp) == 0 && sizes.heads % tp == 0 && sizes.batch >= ranks / (cp * tp))
        all.push_back({tp, cp, ranks / (cp * tp)});
  return all;
}

}  // namespace

//! [20-layouts]
void check_layouts(Runtime& runtime, Report& report, const Sizes& sizes, double dropout) {
  constexpr int64_t steps = 3;
  report.heading(text("In chapter 10's trainer, zigzag ring, ", steps, " steps in each layout"));
  const GptSizes model_sizes = gpt_sizes(sizes);
  const Init init{runtime.options().seed, 0.2f, 0.3f};
  TrainingSettings settings;
  settings.batch = sizes.batch, settings.seed = init.seed, settings.dropout = dropout;
  settings.warmup = 0, settings.steps = steps;
  const auto batch = [&](int64_t step) {
    return [&, step](Range range) {
      return chapter_13::random_batch(runtime.backend(), model_sizes, init.seed, step, range);
    };
  };
  const auto alone = runtime.alone();
  Grid single(*alone, {});
  Table table({"tp × cp × dp", "loss 1", "loss 2", "loss 3", "norm", "losses", "gradients"});
  double losses = 0, norms = 0, gradients = 0;
  for (const Layout& layout : layouts_of(runtime.world().size(), sizes)) {
    Grid grid(runtime.world(), {{"tp", layout.tp}, {"cp", layout.cp}, {"dp", layout.dp}});
    Gpt unsplit(single.tp(), model_sizes, init);
    ContextParallelGpt model(grid.tp(),
                             std::make_shared<RingAttention>(grid.group({"cp"}), CutKind::zigzag),
                             model_sizes, init);
    Trainer expected(single, unsplit, settings), trainer(grid, model, settings);
    trainer.gradients(0, batch(0));  // before any update, and before clipping
    expected.gradients(0, batch(0));
    const double of_gradients =
        chapter_10::largest_error_of_sums(grid, trainer.reduction(), unsplit.parameters()).error;
    std::vector<std::string> row{text(layout.tp, " × ", layout.cp, " × ", layout.dp)};
    double of_losses = 0, norm = 0;
    for (int64_t step = 0; step < steps; ++step) {
      const Trainer::Step got = trainer.step(step, batch(step)),
                          right = expected.step(step, batch(step));
      of_losses = larger(of_losses, relative_error(got.loss, right.loss));
      norms = larger(norms, relative_error(got.gradient_norm, right.gradient_norm));
      if (step == 0) norm = got.gradient_norm;
      row.push_back(fixed(got.loss, 6));
    }
    row.insert(row.end(), {fixed(norm, 6), scientific(of_losses), scientific(of_gradients)});
    table.row(row);
    losses = larger(losses, of_losses), gradients = larger(gradients, of_gradients);
  }
  report.table(table);
  report.check("gradients of all parameters are those of the unsplit model", gradients, 1e-4);
  report.check("so are the losses of all steps", losses, 1e-4);
  report.check("so are the norms before clipping", norms, 1e-4);
}
//! [20-layouts]

}  // namespace shard::chapter_20
