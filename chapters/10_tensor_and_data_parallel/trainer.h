// Trainer: one training step, made of its four parts: batches in, loss and gradient norm out.
#pragma once
#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "chapters/10_tensor_and_data_parallel/training_settings.h"
#include "chapters/10_tensor_and_data_parallel/training_step.h"
#include "common/comm/grid.h"

namespace shard {

/// The parts that a trainer is made of.
struct StepParts {
  std::unique_ptr<ForwardBackward> passes;
  std::unique_ptr<GradientReduction> reduction;
  std::unique_ptr<GradientNorm> norm;
  std::unique_ptr<Optimizer> optimizer;
};

/// Those of this chapter: micro-batches, buckets, the norm over sharded parameters, and AdamW.
/// Throws UsageError when the batch has fewer sequences than dp · accumulate. The model's weights
/// are rounded to settings.precision.
StepParts parts_of_step(Grid& grid, LanguageModel& model, const TrainingSettings& settings);

/// tp × dp ranks, and no further axes.
std::unique_ptr<Grid> usual_grid(Communicator& world, int tp, int dp);

/// What is trained, on which grid, and with which parts.
struct Recipe {
  std::function<std::unique_ptr<LanguageModel>(Grid&, const GptSizes&, const Init&)> model;
  std::function<StepParts(Grid&, LanguageModel&, const TrainingSettings&)> parts;
  /// The grid of all ranks, tp × dp of them, and others along further axes. Collective.
  std::function<std::unique_ptr<Grid>(Communicator& world, int tp, int dp)> grid = usual_grid;
  /// Whether the model is another function than Gpt, as with experts: it is not compared then.
  bool is_another_function = false;
};
/// This chapter's: a Gpt, and parts_of_step.
Recipe usual_recipe();

class Trainer {
 public:
  /// `data_ranks` are those that compute the losses of different data.
  Trainer(Communicator& data_ranks, StepParts parts, const TrainingSettings& settings);
  Trainer(Grid& grid, LanguageModel& model, const TrainingSettings& settings)
      : Trainer(grid.data(), parts_of_step(grid, model, settings), settings) {}

  struct Step {
    double loss = 0;           // mean over the tokens of the whole batch, before the update
    double gradient_norm = 0;  // before clipping
  };
  /// One step, the same numbers on every rank. The learning rate is learning_rate_at(step) unless
  /// given. Where a gradient is not finite, the weights stay as they are.
  Step step(int64_t step, const BatchOf& batch_of, double learning_rate);
  Step step(int64_t step, const BatchOf& batch_of) {
    return this->step(step, batch_of, learning_rate_at(step, settings_));
  }

  /// The gradients of the whole batch's mean loss, and that loss: a step without its update.
  double gradients(int64_t step, const BatchOf& batch_of);

  Optimizer& optimizer() { return *parts_.optimizer; }
  const GradientReduction& reduction() const { return *parts_.reduction; }

 private:
  /// Fills the gradients of all parameters. Returns the sum of the whole batch's losses: [1], on
  /// the device.
  Tensor sum_gradients(int64_t step, const BatchOf& batch_of);
  double mean_of(const Tensor& sum) const;  // over the batch's tokens: waits for the device

  Communicator& data_ranks_;
  StepParts parts_;
  TrainingSettings settings_;
};

}  // namespace shard
