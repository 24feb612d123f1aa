// expect: your gradients on tp 1 × dp 3 are the mean of the dp ranks' means
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  zero_gradients(parameters);
  const auto own = static_cast<float>(own_sequences(grid, settings).size());
  const float own_mean = 1.0f / (own * static_cast<float>(model.sizes().context));
  const float factor = own_mean / static_cast<float>(grid.dp().size());
  const Tensor loss = passes(grid, model, batch_of, settings, factor);
  reduce(grid, parameters);
  const Tensor sum = squares(grid, parameters);
  update(parameters, moments, factor_of(sum, settings), hyper_of(settings, step + 1), settings);
  return result(grid, loss, sum, mean(model, settings));
}

}  // namespace shard
