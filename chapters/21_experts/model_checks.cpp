#include "chapters/21_experts/model_checks.h"

#include "chapters/21_experts/expert_gpt.h"
#include "common/base/counted.h"
#include "common/check/compare.h"
#include "common/check/reference.h"

namespace shard::chapter_21 {

using reference::larger;
using reference::relative_error;

namespace {

constexpr GptSizes small{.vocabulary = 61, .context = 9, .width = 24, .heads = 12, .layers = 0};

/// Sequences `range` of a step's batch: functions of (seed, step, place), whichever rank asks.
Batch random_batch(Backend& backend, uint64_t seed, int64_t step, Range range) {
  const auto ids = [&](const char* name) {
    const RandomStream random{seed, stream_of(name, static_cast<uint64_t>(step))};
    std::vector<int32_t> values;
    for (int64_t i = range.begin * small.context; i < range.end * small.context; ++i)
      values.push_back(static_cast<int32_t>(random.below(61, static_cast<uint64_t>(i))));
    return Tensor::from(backend, {std::ssize(values)}, std::span<const int32_t>(values));
  };
  return {ids("tokens"), ids("targets"), range.size()};
}

/// A model and its trainer on a grid.
struct Trained {
  ExpertGpt model;
  Trainer trainer;
  Trained(Grid& grid, const GptSizes& sizes, const ExpertSettings& settings, const Init& init,
          const TrainingSettings& training)
      : model(grid, sizes, settings, init),
        trainer(grid.dp(), parts_of_expert_step(grid, model, training, 0.01f), training) {}
};

}  // namespace

void check_model(Runtime& runtime, Report& report, int64_t layers) {
  constexpr int64_t steps = 3;
  report.heading(text("A GPT of ", counted(layers, "layer"), " with 5 experts, 2 a token, in the ",
                      "trainer of chapter 10: ", steps, " steps"));
  const int ranks = runtime.world().size();
  const uint64_t seed = runtime.options().seed;
  GptSizes sizes = small;
  sizes.layers = layers;
  TrainingSettings training;
  training.batch = 7, training.seed = seed, training.dropout = 0.1, training.warmup = 0;
  training.steps = steps, training.clip = 0.5;
  ExpertSettings settings{.router = {.experts = 5, .chosen = 2, .balance = 0.05f}};
  const Init init{.seed = seed, .weight = 0.2f, .vector = 0.3f};
  const auto alone = runtime.alone();
  Grid single(*alone, {});
  fold_experts(single, 1);
  Table table({"tp × ep × edp", "loss 1", "loss 2", "loss 3", "norm", "losses", "gradients"});
  double losses = 0, norms = 0, errors = 0;
  for (const Layout& layout : layouts_of(ranks)) {
    Grid grid(runtime.world(), {{"tp", layout.tp}, {"dp", ranks / layout.tp}});
    fold_experts(grid, layout.ep);
    Trained unsplit(single, sizes, settings, init, training),
        split(grid, sizes, settings, init, training);
    std::vector<std::string> row{to_string(layout, ranks)};
    double of_losses = 0, norm = 0, gradients = 0;
    for (int64_t step = 0; step < steps; ++step) {
      const auto batch = [&](Range range) {
        return random_batch(runtime.backend(), seed, step, range);
      };
      const Trainer::Step got = split.trainer.step(step, batch),
                          right = unsplit.trainer.step(step, batch);
      of_losses = larger(of_losses, relative_error(got.loss, right.loss));
      norms = larger(norms, relative_error(got.gradient_norm, right.gradient_norm));
      row.push_back(fixed(got.loss, 6));
      if (step > 0) continue;  // before any update
      norm = got.gradient_norm;
      gradients = runtime.world().max_of(
          largest_gradient_error(split.model.parameters(), unsplit.model.parameters()));
    }
    row.insert(row.end(), {fixed(norm, 6), scientific(of_losses), scientific(gradients)});
    table.row(row);
    losses = larger(losses, of_losses), errors = larger(errors, gradients);
  }
  report.table(table);
  report.check("gradients of all parameters are those of the unsplit model", errors, 1e-4);
  report.check("so are the losses of all steps", losses, 1e-4);
  report.check("so are the norms before clipping", norms, 1e-4);
}

}  // namespace shard::chapter_21
