// expect: the batch is shared out over the ranks of dp, not of the world
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  zero_gradients(parameters);
  Tensor loss = Tensor::zeros(grid.world().backend(), {1});
  const Range mine = part_of(settings.batch, grid.world().size(), grid.world().rank());
  for (int i = 0; i < settings.accumulate; ++i)
    accumulate(loss, pass(model, batch_of(micro_batch(mine, settings, i)), mean(model, settings)));
  reduce(grid, parameters);
  const Tensor sum = squares(grid, parameters);
  update(parameters, moments, factor_of(sum, settings), hyper_of(settings, step + 1), settings);
  return result(grid, loss, sum, mean(model, settings));
}

}  // namespace shard
