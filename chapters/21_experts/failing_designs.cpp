#include "chapters/21_experts/failing_designs.h"

#include <cmath>

#include "common/check/compare.h"
#include "common/check/reference.h"
#include "common/tensor/ops.h"

namespace shard::chapter_21 {

using reference::relative_error;

namespace {

double norm_of(const Parameters& parameters) {
  Tensor total = Tensor::zeros(parameters.front()->value.backend(), {1});
  for (const Parameter* parameter : parameters) add_sum_of_squares(total, parameter->gradient);
  return std::sqrt(static_cast<double>(total.to_host()[0]));
}

/// Errors of the experts' gradients, and of an e-th of them.
struct Errors {
  double whole, part;
};

/// The gradients of a loss that every rank averages over its own tokens are d times too large, and
/// then divided by the number of ranks that they are summed over. For an expert these are d/e, but
/// its gradient has the tokens of e ranks in it already.
Errors averaged_over_edp(Runtime& runtime, Trial& trial) {
  const auto d = static_cast<float>(trial.grid.dp().size()),
             e = static_cast<float>(trial.layout.ep);
  Tensor dy = trial.dy.clone();
  scale(dy, d);
  Pass(runtime, trial.layer, trial.x, dy);
  trial.sum_gradients();
  scale(trial.layer.router.weight.gradient, 1 / d);
  const Parameters experts = trial.layer.experts.parameters(),
                   right = trial.unsplit.experts.parameters();
  for (Parameter* parameter : experts) scale(parameter->gradient, e / d);
  const double whole = largest_gradient_error(experts, right);
  for (Parameter* parameter : experts) scale(parameter->gradient, 1 / e);
  return {whole, largest_gradient_error(experts, right)};
}

}  // namespace

void show_failing_designs(Runtime& runtime, Report& report, const Sizes& sizes) {
  report.heading("Designs that fail");
  Communicator& world = runtime.world();
  const int ranks = world.size();
  Trial trial(runtime, sizes, {1, ranks}, settings_of(sizes));
  const Pass right(runtime, trial.unsplit, trial.all_x, trial.all_dy);
  const Errors averaged = averaged_over_edp(runtime, trial);
  const double of_router = gradient_error(trial.layer.router.weight, trial.unsplit.router.weight);
  report.line(text("  experts' gradients averaged over edp: error ", scientific(averaged.whole),
                   ", divided by e ", scientific(averaged.part), "; the router's ",
                   scientific(of_router)));

  const Pass own(runtime, trial.layer, trial.x, trial.dy);  // and nothing is summed
  Parameter& router = trial.layer.router.weight;
  const double not_summed = gradient_error(router, trial.unsplit.router.weight),
               of_y = relative_error(own.y, right.y.slice(trial.own));
  world.all_reduce(PartialSum(router.gradient));
  const double summed = gradient_error(router, trial.unsplit.router.weight);
  report.line(text("  the router's gradient not summed over dp: Y's error ",
                   scientific(world.max_of(of_y)), ", the gradient's ",
                   scientific(world.max_of(not_summed))));

  Sizes one = sizes;
  one.chosen = 1;
  double of_one[2];
  for (const RouterWeights by : {RouterWeights::of_all, RouterWeights::of_chosen}) {
    Trial single(runtime, one, {1, ranks}, settings_of(one, by));
    Pass(runtime, single.layer, single.x, single.dy);
    single.sum_gradients();
    of_one[by == RouterWeights::of_chosen] = norm_of({&single.layer.router.weight});
  }
  report.line(text("  one expert a token: norm of the router's gradient ", scientific(of_one[0]),
                   ", with renormalised weights ", scientific(of_one[1])));

  report.check("one expert, renormalised: the router's gradient is exactly 0", of_one[1] == 0);
  report.check("not renormalised it is not", of_one[0] > 0.01);
  if (ranks == 1) return report.line("  With one rank the others are right.");
  report.check("averaged over edp: each expert's gradient is exactly e times the right one",
               relative_error(averaged.whole, ranks - 1.0) < 1e-5 && averaged.part < 1e-5 &&
                   of_router < 1e-5);
  report.check("the router not summed: Y is right, so this loss shows nothing", of_y, 1e-5);
  report.check("its gradient is wrong by more than 10 %", not_summed > 0.1);
  report.check("and the sum over the ranks is right", summed, 1e-5);
}

}  // namespace shard::chapter_21
