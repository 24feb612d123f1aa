#include "chapters/10_tensor_and_data_parallel/trainer.h"

#include <cmath>

#include "chapters/10_tensor_and_data_parallel/adamw_optimizer.h"
#include "chapters/10_tensor_and_data_parallel/bucketed_reduction.h"
#include "chapters/10_tensor_and_data_parallel/gradient_norm.h"
#include "chapters/10_tensor_and_data_parallel/micro_batches.h"
#include "common/comm/trace.h"

namespace shard {

StepParts parts_of_step(Grid& grid, LanguageModel& model, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  StepParts parts;
  parts.passes = std::make_unique<MicroBatches>(grid.dp(), model, settings);
  parts.reduction =
      std::make_unique<BucketedReduction>(grid, parameters, type_of(settings.reduce_in));
  // the ranks of one replica: a pipeline's stages have other parameters
  Communicator& replica = grid.size("pp") > 1 ? grid.group({"tp", "pp"}) : grid.tp();
  parts.norm = std::make_unique<ShardedGradientNorm>(replica, parameters);
  parts.optimizer = std::make_unique<AdamWOptimizer>(grid, parameters, settings);
  return parts;
}

std::unique_ptr<Grid> usual_grid(Communicator& world, int tp, int dp) {
  return std::make_unique<Grid>(world, AxisSizes{{"tp", tp}, {"dp", dp}});
}

Recipe usual_recipe() {
  return {[](Grid& grid, const GptSizes& sizes, const Init& init) {
            return std::make_unique<Gpt>(grid.tp(), sizes, init);
          },
          parts_of_step};
}

Trainer::Trainer(Communicator& data_ranks, StepParts parts, const TrainingSettings& settings)
    : data_ranks_(data_ranks), parts_(std::move(parts)), settings_(settings) {}

//! [10-step]
Trainer::Step Trainer::step(int64_t step, const BatchOf& batch_of, double learning_rate) {
  TraceRange range(TraceRow::compute, "step");
  const Tensor loss = sum_gradients(step, batch_of);
  const Tensor squares = parts_.norm->sum_of_squares();
  const Tensor factor = clip_factor(squares, static_cast<float>(settings_.clip));
  parts_.optimizer->update(step, learning_rate, factor);
  // Up to here nothing has waited for the device: on a GPU the whole step is enqueued by now.
  return {mean_of(loss), std::sqrt(static_cast<double>(squares.to_host()[0]))};
}

Tensor Trainer::sum_gradients(int64_t step, const BatchOf& batch_of) {
  parts_.reduction->zero_gradients();
  const Tensor loss = parts_.passes->run(step, batch_of, *parts_.reduction);
  parts_.reduction->wait();
  return data_ranks_.all_reduce(PartialSum(loss));
}
//! [10-step]

double Trainer::gradients(int64_t step, const BatchOf& batch_of) {
  return mean_of(sum_gradients(step, batch_of));
}

double Trainer::mean_of(const Tensor& sum) const {
  return static_cast<double>(sum.to_host()[0]) /
         static_cast<double>(parts_.passes->tokens_per_step());
}

}  // namespace shard
