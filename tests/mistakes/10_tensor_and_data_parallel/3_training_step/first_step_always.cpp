// expect: after step 1 are those with the bias correction of the first step in every step
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  zero_gradients(parameters);
  const Tensor loss = passes(grid, model, batch_of, settings, mean(model, settings));
  reduce(grid, parameters);
  const Tensor sum = squares(grid, parameters);
  update(parameters, moments, factor_of(sum, settings), hyper_of(settings, 1), settings);
  return result(grid, loss, sum, mean(model, settings));
}

}  // namespace shard
