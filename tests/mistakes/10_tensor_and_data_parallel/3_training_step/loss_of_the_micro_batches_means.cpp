// expect: your loss on tp 3 × dp 1 is made of the micro-batches' means
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  zero_gradients(parameters);
  Tensor loss = Tensor::zeros(grid.world().backend(), {1});
  const Range mine = own_sequences(grid, settings);
  for (int i = 0; i < settings.accumulate; ++i) {
    const Range part = micro_batch(mine, settings, i);
    const auto tokens = static_cast<float>(part.size() * model.sizes().context);
    const auto passes = static_cast<float>(settings.accumulate * grid.dp().size());
    accumulate(loss, pass(model, batch_of(part), mean(model, settings)), 1 / (tokens * passes));
  }
  reduce(grid, parameters);
  const Tensor sum = squares(grid, parameters);
  update(parameters, moments, factor_of(sum, settings), hyper_of(settings, step + 1), settings);
  return result(grid, loss, sum, 1);
}

}  // namespace shard
