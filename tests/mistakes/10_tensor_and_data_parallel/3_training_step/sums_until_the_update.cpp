// right: sums over tokens all the way, divided where the gradients are clipped
// ranks: 4
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  zero_gradients(parameters);
  const Tensor loss = passes(grid, model, batch_of, settings, 1);
  for (Parameter* parameter : parameters) {  // both axes at once
    reduce(parameter->is_partial_over("tp") ? grid.world() : grid.dp(), *parameter);
  }
  Tensor sum = squares(grid, parameters);
  const float factor = mean(model, settings);
  scale(sum, factor * factor);
  Tensor of_sums = factor_of(sum, settings);
  scale(of_sums, factor);
  update(parameters, moments, of_sums, hyper_of(settings, step + 1), settings);
  return result(grid, loss, sum, factor);
}

}  // namespace shard
