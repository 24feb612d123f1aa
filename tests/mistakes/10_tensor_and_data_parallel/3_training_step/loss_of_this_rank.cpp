// expect: your loss on tp 1 × dp 3 is the sum over this rank's tokens, divided by the tokens of all
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  zero_gradients(parameters);
  const Tensor loss = passes(grid, model, batch_of, settings, mean(model, settings));
  reduce(grid, parameters);
  const Tensor sum = squares(grid, parameters);
  update(parameters, moments, factor_of(sum, settings), hyper_of(settings, step + 1), settings);
  return {loss.to_host()[0] * static_cast<double>(mean(model, settings)),
          std::sqrt(sum.to_host()[0])};
}

}  // namespace shard
