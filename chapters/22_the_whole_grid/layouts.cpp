#include "chapters/22_the_whole_grid/layouts.h"

#include "chapters/10_tensor_and_data_parallel/self_checks.h"
#include "chapters/22_the_whole_grid/error_picture.h"
#include "chapters/22_the_whole_grid/grid_recipe.h"
#include "common/base/counted.h"
#include "common/check/reference.h"

namespace shard::chapter_22 {

using chapter_10::GradientError;
using reference::larger;
using reference::relative_error;

namespace {

struct Task {
  Runtime& runtime;
  GptSizes sizes;
  const TextData& data;
  TrainingSettings settings;
  Init init{settings.seed, 0.02f, 0.0f};

  BatchOf batch(int64_t step) const {
    return [this, step](Range range) {
      return chapter_10::training_batch(runtime.backend(), data, settings.seed, step, range);
    };
  }
};

/// The model of chapter 10 on this rank alone: the losses and norms of all steps, and the gradients
/// of the first.
struct Unsplit {
  std::unique_ptr<Communicator> alone;
  Grid grid;
  Gpt model;  // with the first step's gradients
  std::vector<Trainer::Step> steps;

  explicit Unsplit(const Task& task)
      : alone(task.runtime.alone()),
        grid(*alone, {{"tp", 1}, {"dp", 1}}),
        model(grid.tp(), task.sizes, task.init) {
    Gpt trained(grid.tp(), task.sizes, task.init);
    Trainer trainer(grid, trained, task.settings);
    for (int64_t step = 0; step < task.settings.steps; ++step)
      steps.push_back(trainer.step(step, task.batch(step)));
    Trainer(grid, model, task.settings).gradients(0, task.batch(0));
  }
};

/// How a combination differs from the unsplit model.
struct Outcome {
  Trainer::Step last;
  double losses = 0, norms = 0;
  GradientError gradients;
  std::string sent_in_tp, sent_in_dp;  // by rank 0 in the last step
};

std::string sent_in(const Ledger& ledger, std::string_view group) {
  int64_t sent = 0;
  for (const LedgerRow& row : ledger.rows()) sent += row.group == group ? row.sent : 0;
  return sent == 0 ? "" : bytes_text(static_cast<double>(sent));
}

/// Nothing happens on ranks that the grid does not use. Collective.
Outcome outcome_of(const Task& task, const Combination& combination, Unsplit& unsplit) {
  const auto [tp, dp] = combination.grid;
  Communicator& world = task.runtime.world();
  const bool is_used = world.rank() < tp * dp;
  const auto ranks = world.split(is_used ? 0 : 1, "layout");
  if (!is_used) return {};
  Grid grid(*ranks, {{"tp", tp}, {"dp", dp}});
  const Recipe recipe = recipe_of(combination.switches, task.settings);
  const auto model = recipe.model(grid, task.sizes, task.init);
  Trainer trainer(grid.data(), recipe.parts(grid, *model, task.settings), task.settings);
  Outcome outcome;
  for (int64_t step = 0; step < task.settings.steps; ++step) {
    const Ledger before = task.runtime.ledger();
    outcome.last = trainer.step(step, task.batch(step));
    const Ledger sent = task.runtime.ledger().since(before);
    outcome.sent_in_tp = sent_in(sent, "tp"), outcome.sent_in_dp = sent_in(sent, "dp");
    const Trainer::Step& right = unsplit.steps[static_cast<size_t>(step)];
    outcome.losses = larger(outcome.losses, relative_error(outcome.last.loss, right.loss));
    outcome.norms =
        larger(outcome.norms, relative_error(outcome.last.gradient_norm, right.gradient_norm));
    if (step > 0) continue;
    outcome.gradients =
        chapter_10::largest_error_of_sums(grid, trainer.reduction(), unsplit.model.parameters());
  }
  return outcome;
}

std::vector<std::string> row_of(const Combination& combination, const Outcome& outcome) {
  const auto& [grid, switches] = combination;
  return {text(grid.tp, " × ", grid.dp),
          switches.sequence_parallel ? "yes" : "",
          switches.recompute == Recompute::full ? "full" : "",
          switches.shard_optimizer > 0 ? text(switches.shard_optimizer) : "",
          fixed(outcome.last.loss, 6),
          fixed(outcome.last.gradient_norm, 6),
          scientific(outcome.losses),
          scientific(outcome.gradients.error),
          outcome.gradients.parameter,
          outcome.sent_in_tp,
          outcome.sent_in_dp};
}

}  // namespace

//! [22-combinations]
std::vector<Combination> combinations_of(int ranks, int64_t heads,
                                         const TrainingSettings& settings) {
  std::vector<Combination> all;
  for (const chapter_10::Layout grid : chapter_10::layouts_of(ranks, heads, settings)) {
    for (const bool sequence_parallel : {false, true}) {
      for (const Recompute recompute : {Recompute::none, Recompute::full}) {
        for (int64_t shard = 0; shard <= 3; ++shard) {
          if ((sequence_parallel && grid.tp == 1) || (shard > 0 && grid.dp == 1)) continue;
          all.push_back({grid,
                         {.sequence_parallel = sequence_parallel,
                          .recompute = recompute,
                          .shard_optimizer = shard}});
        }
      }
    }
  }
  return all;
}
//! [22-combinations]

void compare_combinations(Runtime& runtime, Report& report, const GptSizes& sizes,
                          const TextData& data, const TrainingSettings& settings) {
  report.heading(text("The same ", counted(settings.steps, "step"), " on every grid of at most ",
                      counted(runtime.world().size(), "rank"), ", with every combination"));
  const Task task{runtime, sizes, data, settings};
  Unsplit unsplit(task);
  Table table({"tp × dp", "rows cut", "recompute", "shard", text("loss ", settings.steps), "norm",
               "losses by", "gradients by", "of which most", "sent in tp", "in dp"});
  const bool bf16 = type_of(settings.precision) == DataType::bf16 ||
                    type_of(settings.reduce_in) == DataType::bf16;
  const double tolerance = bf16 ? 0.2 : 1e-4;
  double losses = 0, norms = 0, gradients = 0;
  std::vector<GradientErrorOf> errors;
  const auto all = combinations_of(runtime.world().size(), sizes.heads, settings);
  for (const Combination& combination : all) {
    const Outcome outcome = outcome_of(task, combination, unsplit);
    table.row(row_of(combination, outcome));  // rank 0, which prints, is in every grid
    losses = larger(losses, runtime.world().max_of(outcome.losses));
    norms = larger(norms, runtime.world().max_of(outcome.norms));
    errors.push_back({combination.grid, runtime.world().max_of(outcome.gradients.error)});
    gradients = larger(gradients, errors.back().error);
  }
  report.table(table);
  report.result("combinations", static_cast<double>(all.size()));
  report.check("the gradients of all parameters are those of one rank", gradients, tolerance);
  report.check("so are the losses of all steps", losses, bf16 ? 2e-2 : 1e-4);
  report.check("so are the norms before clipping", norms, bf16 ? 5e-2 : 1e-4);
  if (!runtime.options().picture.empty()) draw_errors(report, errors, tolerance);
}

}  // namespace shard::chapter_22
