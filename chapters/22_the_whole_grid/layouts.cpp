#include "chapters/22_the_whole_grid/layouts.h"

#include <algorithm>

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

/// The model on this rank alone, by chapter 10's parts: the losses and norms of all steps, and the
/// gradients of the first.
struct Unsplit {
  std::unique_ptr<Communicator> alone;
  std::unique_ptr<Grid> grid;
  std::unique_ptr<LanguageModel> model;  // with the first step's gradients
  std::vector<Trainer::Step> steps;

  /// `recipe`: of a whole model, without switches.
  Unsplit(const Task& task, const Recipe& recipe)
      : alone(task.runtime.alone()),
        grid(recipe.grid(*alone, 1, 1)),
        model(recipe.model(*grid, task.sizes, task.init)) {
    const auto trained = recipe.model(*grid, task.sizes, task.init);
    Trainer trainer(*grid, *trained, task.settings);
    for (int64_t step = 0; step < task.settings.steps; ++step)
      steps.push_back(trainer.step(step, task.batch(step)));
    Trainer(*grid, *model, task.settings).gradients(0, task.batch(0));
  }
};

/// How a combination differs from the unsplit model.
struct Outcome {
  Trainer::Step last;
  double losses = 0, norms = 0;
  GradientError gradients;
  Ledger sent;  // by rank 0 in the last step
};

/// The bytes that a rank has sent in the groups of these names.
std::string sent_in(const Ledger& ledger, const std::vector<std::string>& groups) {
  int64_t sent = 0;
  for (const LedgerRow& row : ledger.rows())
    sent += std::ranges::count(groups, row.group) > 0 ? row.sent : 0;
  return sent == 0 ? "" : bytes_text(static_cast<double>(sent));
}

/// Nothing happens on ranks that the grid does not use. Collective.
Outcome outcome_of(const Task& task, const Combination& combination, Unsplit& unsplit) {
  Communicator& world = task.runtime.world();
  const bool is_used = world.rank() < ranks_of(combination);
  const auto ranks = world.split(is_used ? 0 : 1, "layout");
  if (!is_used) return {};
  const Recipe recipe = recipe_of(combination.switches, task.settings);
  const auto grid_of_ranks = recipe.grid(*ranks, combination.grid.tp, combination.grid.dp);
  Grid& grid = *grid_of_ranks;
  const auto model = recipe.model(grid, task.sizes, task.init);
  Trainer trainer(grid.data(), recipe.parts(grid, *model, task.settings), task.settings);
  Outcome outcome;
  for (int64_t step = 0; step < task.settings.steps; ++step) {
    const Ledger before = task.runtime.ledger();
    outcome.last = trainer.step(step, task.batch(step));
    outcome.sent = task.runtime.ledger().since(before);
    const Trainer::Step& right = unsplit.steps[static_cast<size_t>(step)];
    outcome.losses = larger(outcome.losses, relative_error(outcome.last.loss, right.loss));
    outcome.norms =
        larger(outcome.norms, relative_error(outcome.last.gradient_norm, right.gradient_norm));
    if (step > 0) continue;
    outcome.gradients =
        chapter_10::largest_error_of_sums(grid, trainer.reduction(), unsplit.model->parameters());
  }
  return outcome;
}

std::vector<std::string> row_of(const Combination& combination, const Outcome& outcome) {
  const Switches& s = combination.switches;
  const bool piped = s.pp > 1;
  return {grid_of(combination),
          piped ? s.schedule : "",
          s.ep > 1 ? text(s.ep) : "",
          s.sequence_parallel ? "yes" : "",
          s.recompute == Recompute::full ? "full" : "",
          s.shard_optimizer > 0 ? text(s.shard_optimizer) : "",
          scientific(outcome.losses),
          scientific(outcome.norms),
          scientific(outcome.gradients.error),
          outcome.gradients.parameter,
          sent_in(outcome.sent, {"tp"}),
          sent_in(outcome.sent, {"cp", "ep"}),
          sent_in(outcome.sent, {"pp"}),
          sent_in(outcome.sent, {"dp", "cp-dp", "edp"})};
}

/// The largest errors of all combinations.
struct Largest {
  double losses = 0, norms = 0, gradients = 0;
  std::vector<GradientErrorOf> errors;
};

/// Prints a row for each. Collective.
void compare(const Task& task, Report& report, const std::string& name,
             const std::vector<Combination>& all, Unsplit& unsplit, Largest& largest) {
  const Trainer::Step& last = unsplit.steps.back();
  report.line(text("  one rank: loss ", fixed(last.loss, 6), ", norm ",
                   fixed(last.gradient_norm, 6), " in step ", task.settings.steps));
  Table table({"grid", "schedule", "ep", "rows cut", "recompute", "shard", "losses by", "norms by",
               "gradients by", "of which most", "sent in tp", "cp, ep", "pp", "dp"});
  Communicator& world = task.runtime.world();
  for (const Combination& combination : all) {
    const Outcome outcome = outcome_of(task, combination, unsplit);
    table.row(row_of(combination, outcome));  // rank 0, which prints, is in every grid
    largest.losses = larger(largest.losses, world.max_of(outcome.losses));
    largest.norms = larger(largest.norms, world.max_of(outcome.norms));
    largest.errors.push_back({name, world.max_of(outcome.gradients.error)});
    largest.gradients = larger(largest.gradients, largest.errors.back().error);
  }
  report.table(table);
}

}  // namespace

void compare_combinations(Runtime& runtime, Report& report, const GptSizes& sizes,
                          const TextData& data, const TrainingSettings& settings) {
  const int ranks = runtime.world().size();
  const Task task{runtime, sizes, data, settings};
  const std::string steps = text("The same ", counted(settings.steps, "step")),
                    grids = text(ranks > 4 ? " on every grid of " : " on every grid of at most ",
                                 counted(ranks, "rank"));
  Largest largest;
  report.heading(text(steps, grids, ": tp × dp, with every combination of the switches"));
  Unsplit unsplit(task, usual_recipe());
  const auto all = combinations_of(ranks, sizes.heads, settings);
  compare(task, report, "tp × dp", all, unsplit, largest);
  report.heading(text(steps, grids, " with cp or pp: alone, and with all that goes with it"));
  const auto further = combinations_on_further_axes(ranks, sizes.heads, settings);
  compare(task, report, "with cp or pp", further, unsplit, largest);
  report.heading(text(steps, " of another model, with 5 experts,", grids));
  Unsplit of_experts(task, recipe_of({.experts = 5}, settings));
  const auto with_experts = combinations_with_experts(ranks, sizes.heads, settings);
  compare(task, report, "with experts", with_experts, of_experts, largest);

  const bool bf16 = type_of(settings.precision) == DataType::bf16 ||
                    type_of(settings.reduce_in) == DataType::bf16;
  const double tolerance = bf16 ? 0.2 : 1e-4;
  report.result("combinations", static_cast<double>(largest.errors.size()));
  report.check("the gradients of all parameters are those of one rank", largest.gradients,
               tolerance);
  report.check("so are the losses of all steps", largest.losses, bf16 ? 2e-2 : 1e-4);
  report.check("so are the norms before clipping", largest.norms, bf16 ? 5e-2 : 1e-4);
  if (!runtime.options().picture.empty()) draw_errors(report, largest.errors, tolerance);
}

}  // namespace shard::chapter_22
