// expect: are enough: only gradients that are partial over tp lack something there
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  zero_gradients(parameters);
  const Tensor loss = passes(grid, model, batch_of, settings, mean(model, settings));
  reduce(grid, parameters);
  for (Parameter* parameter : parameters) {  // the same on all of them, and so is their mean
    if (!parameter->is_replicated()) continue;
    reduce(grid.tp(), *parameter);
    scale(parameter->gradient, 1.0f / static_cast<float>(grid.tp().size()));
  }
  const Tensor sum = squares(grid, parameters);
  update(parameters, moments, factor_of(sum, settings), hyper_of(settings, step + 1), settings);
  return result(grid, loss, sum, mean(model, settings));
}

}  // namespace shard
