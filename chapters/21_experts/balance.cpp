#include "chapters/21_experts/balance.h"

#include <algorithm>

#include "chapters/21_experts/mixture_reference.h"
#include "common/check/compare.h"

namespace shard::chapter_21 {

using reference::Matrix;
using reference::relative_error;

void check_balance_loss(Runtime& runtime, Report& report, const Sizes& sizes) {
  report.heading("Balance loss E·Σ f_i·P_i: 1 if all experts get the same");
  const int ranks = runtime.world().size();
  ExpertSettings settings = settings_of(sizes);
  settings.router.balance = 1;
  Trial trial(runtime, sizes, {1, ranks}, settings);
  const MixtureReference mixture{settings, sizes.hidden};
  const Matrix router(trial.unsplit.router.weight.value);
  const double right = mixture.balance_loss(Matrix(trial.all_x), router),
               local = mixture.balance_loss(Matrix(trial.x), router);
  ExpertMlp::Kept kept;
  trial.layer.forward(trial.x, kept);
  const double ours = trial.layer.router.balance_loss(kept.router),
               mean = runtime.world().sum_of(local) / ranks;
  report.line(
      text("  of all tokens ", fixed(right, 4), "; mean of each rank's own ", fixed(mean, 4)));
  report.check("ours is that of all tokens", relative_error(ours, right), 1e-5);
  if (ranks == 1) return;
  report.check("the mean of the ranks' own losses is another number",
               relative_error(mean, right) > 0.01);
}

void show_bias(Runtime& runtime, Report& report, const Sizes& sizes) {
  constexpr int steps = 60, shown = 20;
  constexpr float rate = 0.002f;
  report.heading(text("Balance without a loss: after each step b += ", fixed(rate, 3),
                      " · sign(mean - count)"));
  Sizes many = sizes;
  many.tokens = 20 * sizes.tokens;
  const int ranks = runtime.world().size();
  Trial trial(runtime, many, {1, ranks}, settings_of(many));
  Table table({"step", "largest load / mean", "smallest"});
  double first = 0, last = 0;
  for (int step = 0; step <= steps; ++step) {
    Pass(runtime, trial.layer, trial.x, trial.dy);
    const auto [least, most] = std::ranges::minmax(trial.layer.router.assigned());
    const double mean =
        static_cast<double>(many.chosen * many.tokens) / static_cast<double>(many.experts);
    last = static_cast<double>(most) / mean;
    if (step == 0) first = last;
    if (step % shown == 0)
      table.row({text(step), fixed(last, 3), fixed(static_cast<double>(least) / mean, 3)});
    trial.layer.router.balance_bias(rate);
  }
  report.table(table);
  const Tensor& bias = trial.layer.router.bias;
  Tensor highest = bias.clone();
  runtime.world().all_reduce_max(highest);
  report.check("the largest load is nearer to the mean: less than half the excess",
               last - 1 < (first - 1) / 2);
  report.check("the bias is the same on all ranks", same_bits(highest, bias));
}

}  // namespace shard::chapter_21
