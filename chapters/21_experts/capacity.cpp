#include "chapters/21_experts/capacity.h"

#include <cmath>

#include "common/check/compare.h"
#include "common/check/reference.h"
#include "common/tensor/ops.h"

namespace shard::chapter_21 {

using reference::relative_error;

/// E[max(n - C, 0)] / mean for a Poisson number n of tokens with this mean: what a perfectly
/// balanced router would drop.
static double poisson_share_above(double mean, int64_t capacity) {
  double probability = std::exp(-mean), above = 0;
  for (int64_t n = 1; n < capacity + 20 * static_cast<int64_t>(std::sqrt(mean) + 2); ++n) {
    probability *= mean / static_cast<double>(n);
    above += probability * static_cast<double>(std::max<int64_t>(n - capacity, 0));
  }
  return above / mean;
}

void show_capacities(Runtime& runtime, Report& report, const Sizes& sizes) {
  report.heading("Capacity: an expert takes at most C = ⌈factor·k·T/E⌉ tokens");
  Table table({"factor", "C", "dropped", "share", "a balanced router's", "Y against unsplit"});
  const int ranks = runtime.world().size();
  double error = 0;
  for (const double factor : {1.0, 1.25, 2.0}) {
    ExpertSettings settings = settings_of(sizes);
    settings.capacity = factor;
    Trial trial(runtime, sizes, {1, ranks}, settings);
    const Pass split(runtime, trial.layer, trial.x, trial.dy),
        whole(runtime, trial.unsplit, trial.all_x, trial.all_dy);
    const ExpertCounts& counts = split.kept.router.counts;
    const int64_t capacity = expert_capacity(factor, counts.total(), sizes.experts),
                  dropped = counts.total() - counts.within(capacity).total();
    const auto all = static_cast<double>(counts.total());
    const double own = relative_error(split.y, whole.y.slice(trial.own));
    error = reference::larger(error, own);
    table.row(
        {fixed(factor, 2), text(capacity), text(dropped),
         text(fixed(100 * static_cast<double>(dropped) / all, 1), " %"),
         text(fixed(100 * poisson_share_above(all / static_cast<double>(sizes.experts), capacity),
                    1),
              " %"),
         scientific(runtime.world().max_of(own))});
  }
  report.table(table);
  report.check("the same tokens are dropped in every layout", error, 1e-5);
}

/// The change of Y on the last rank where the tokens of rank 0 are other ones.
static double change_by_others(Runtime& runtime, const Sizes& sizes, double capacity) {
  const int ranks = runtime.world().size();
  ExpertSettings settings = settings_of(sizes);
  settings.capacity = capacity;
  Trial trial(runtime, sizes, {1, ranks}, settings);
  const Tensor before = Pass(runtime, trial.layer, trial.x, trial.dy).y;
  if (trial.grid.dp().rank() == 0)  // its last tokens' numbers, in their place
    copy(trial.x, trial.all_dy.slice(trial.own));
  const Tensor after = Pass(runtime, trial.layer, trial.x, trial.dy).y;
  return trial.grid.dp().rank() == 0 ? 0 : relative_error(after, before);
}

void check_independence(Runtime& runtime, Report& report, const Sizes& sizes) {
  report.heading("Do other tokens change a token's result?");
  Communicator& world = runtime.world();
  if (world.size() == 1) return report.line("  With one rank there are no others.");
  const double dropless = world.max_of(change_by_others(runtime, sizes, 0)),
               limited = world.max_of(change_by_others(runtime, sizes, 0.7));
  report.line(text("  Y of all other ranks, when rank 0's tokens are changed: dropless ",
                   scientific(dropless), ", with a capacity factor of 0.7 ", scientific(limited)));
  // A library may take another algorithm for another number of rows.
  report.check("dropless: nothing changes but rounding", dropless, 1e-6);
  report.check("with a capacity results depend on other tokens", limited > 0.01);
}

}  // namespace shard::chapter_21
