// expect: in step 0 were clipped before they were reduced, each rank's by its own norm
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  zero_gradients(parameters);
  const Tensor loss = passes(grid, model, batch_of, settings, mean(model, settings));
  Tensor own = Tensor::zeros(grid.world().backend(), {1});
  add_counted_squares(own, parameters);
  const float factor = factor_of(own, settings).to_host()[0];
  for (Parameter* parameter : parameters) scale(parameter->gradient, factor);
  reduce(grid, parameters);
  const Tensor sum = squares(grid, parameters);
  const Tensor one = Tensor::full(grid.world().backend(), {1}, 1);
  update(parameters, moments, one, hyper_of(settings, step + 1), settings);
  return result(grid, loss, sum, mean(model, settings));
}

}  // namespace shard
