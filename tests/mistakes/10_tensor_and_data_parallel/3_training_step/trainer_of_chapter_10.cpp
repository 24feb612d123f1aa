// expect: your answer includes chapters/10_tensor_and_data_parallel/trainer.h, which declares what the task asks you to write
// ranks: 4
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

/// Passes of another model than chapter 10's, for its Trainer.
class OwnPasses : public ForwardBackward {
 public:
  OwnPasses(Grid& grid, OwnTokensGpt& model, const TrainingSettings& settings)
      : grid_(grid), model_(model), settings_(settings) {}
  Tensor run(int64_t, const BatchOf& batch_of, GradientReduction& reduction) override {
    reduction.reduce_in_next_backward();
    return passes(grid_, model_, batch_of, settings_, mean(model_, settings_));
  }
  int64_t tokens_per_step() const override { return settings_.batch * model_.sizes().context; }

 private:
  Grid& grid_;
  OwnTokensGpt& model_;
  TrainingSettings settings_;
};

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments&, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  StepParts parts;
  parts.passes = std::make_unique<OwnPasses>(grid, model, settings);
  Trainer trainer(grid.dp(), std::move(parts), settings);
  const Trainer::Step got = trainer.step(step, batch_of, settings.learning_rate);
  return {got.loss, got.gradient_norm};
}

}  // namespace shard
