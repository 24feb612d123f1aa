// expect: your gradients on tp 3 × dp 1 are 0, and so is their norm: is a factor of them 1 / n in whole numbers
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  zero_gradients(parameters);
  const Tensor loss = passes(grid, model, batch_of, settings,
                             static_cast<float>(1 / (settings.batch * model.sizes().context)));
  reduce(grid, parameters);
  const Tensor sum = squares(grid, parameters);
  update(parameters, moments, factor_of(sum, settings), hyper_of(settings, step + 1), settings);
  return result(grid, loss, sum, mean(model, settings));
}

}  // namespace shard
