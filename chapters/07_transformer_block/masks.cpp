#include "chapters/07_transformer_block/masks.h"

#include <cmath>

#include "common/tensor/ops.h"

namespace shard::chapter_07 {

using namespace reference;

namespace {

/// The dropout mask of `place`, divided by 1-p: the output of a block in which x and all parameters
/// are zero, but for the bias of that place's projection, which is one.
Tensor mask_of(Runtime& runtime, const Sizes& sizes, const std::string& place,
               const DropoutMoment& moment) {
  TransformerBlock block(runtime.world(), "h.0", sizes.block(),
                         {.seed = 0, .weight = 0.0f, .vector = 0.0f}, 0.0f);
  for (Parameter* parameter : block.parameters()) {
    if (parameter->name == "h.0." + place + ".c_proj.bias") fill(parameter->value, 1.0f);
  }
  TransformerBlock::Kept kept;
  return block.forward(Tensor::zeros(runtime.backend(), {sizes.batch * sizes.context, sizes.width}),
                       sizes.batch, moment, kept);
}

/// The largest relative difference between a rank's x and rank 0's: 0 if all ranks have the same
/// numbers.
double difference_of_ranks(Communicator& world, const Tensor& x) {
  Tensor of_rank_0 = x.clone();
  world.broadcast(of_rank_0, 0);
  return world.max_of(relative_error(x, of_rank_0));
}

}  // namespace

void check_masks(Runtime& runtime, Report& report, Trial& trial, DropoutMoment moment) {
  report.heading("The masks themselves, over 10 passes");
  const double p = moment.probability;
  double difference = 0;
  bool near = true;
  Table table({"place", "probability", "dropped", "mean"});
  for (const std::string place : {"attn", "mlp"}) {
    double dropped = 0, sum = 0, count = 0;
    for (moment.pass = 0; moment.pass < 10; ++moment.pass) {
      const Tensor mask = mask_of(runtime, trial.sizes, place, moment);
      difference = larger(difference, difference_of_ranks(runtime.world(), mask));
      for (const float value : mask.to_host()) dropped += value == 0.0f, sum += value, ++count;
    }
    near = near && std::abs(dropped / count - p) < 4 * std::sqrt(p * (1 - p) / count);
    table.row({"h.0." + place, fixed(p, 4), fixed(dropped / count, 4), fixed(sum / count, 4)});
  }
  report.table(table);
  report.check("the dropped shares are within 4 standard deviations of the probability", near);
  report.check("every rank has the same masks", difference, 0);

  const int64_t last = trial.sizes.batch - 1, context = trial.sizes.context;
  const Range rows{last * context, (last + 1) * context};
  TransformerBlock::Kept kept;
  const Tensor y = trial.split.forward(trial.x, trial.sizes.batch, moment, kept);
  moment.first_sequence = last;
  const Tensor y_last = trial.split.forward(trial.x.slice(rows), 1, moment, kept);
  report.check("the last sequence by itself, with its number: as in the batch",
               relative_error(y_last, y.slice(rows)), 1e-5);
}

void show_replicas(Runtime& runtime, Report& report, Trial& trial, DropoutMoment moment) {
  report.heading("Replicated numbers: how far the ranks are from rank 0");
  Communicator& world = runtime.world();
  Table table({"dropout masks depend on", "Y", "replicated gradients"});
  double of_y = 0, of_gradients = 0;
  const auto measure = [&](const char* masks) {
    zero_gradients(trial.split.parameters());
    TransformerBlock::Kept kept;
    const Tensor y = trial.split.forward(trial.x, trial.sizes.batch, moment, kept);
    of_y = difference_of_ranks(world, y);
    trial.split.backward(trial.dy, kept);
    of_gradients = 0;
    for (const Parameter* parameter : trial.split.parameters()) {
      if (!parameter->is_replicated()) continue;
      of_gradients = larger(of_gradients, difference_of_ranks(world, parameter->gradient));
    }
    table.row({masks, scientific(of_y), scientific(of_gradients)});
  };
  measure("the place in the whole batch");
  const double right = larger(of_y, of_gradients);
  moment.seed += static_cast<uint64_t>(world.rank());  // the mistake
  measure("the place and the rank (wrong)");
  report.table(table);
  report.check("Y and the gradients of replicated parameters are identical on all ranks", right, 0);
  report.result("difference_with_masks_by_rank", of_y);
  if (world.size() == 1) return report.line("  With one rank there are no others to differ from.");
  report.check("with masks by rank, Y and gradients differ by more than 1 %",
               of_y > 0.01 && of_gradients > 0.01);
}

}  // namespace shard::chapter_07
