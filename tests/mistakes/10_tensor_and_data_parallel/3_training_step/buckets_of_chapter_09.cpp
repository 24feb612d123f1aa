// right: chapter 09's buckets over dp, and the rest over tp
// ranks: 4
#include "chapters/09_data_parallel/data_parallel.h"
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  DataParallel data_parallel(grid.dp(), parameters, 1024);
  data_parallel.zero_gradients();
  Tensor loss = Tensor::zeros(grid.world().backend(), {1});
  const Range mine = own_sequences(grid, settings);
  for (int i = 0; i < settings.accumulate; ++i) {
    if (i + 1 == settings.accumulate) data_parallel.reduce_in_next_backward();
    accumulate(loss, pass(model, batch_of(micro_batch(mine, settings, i)), mean(model, settings)));
  }
  data_parallel.wait();
  for (Parameter* parameter : parameters) {
    if (parameter->is_partial_over("tp")) reduce(grid.tp(), *parameter);
  }
  const Tensor sum = squares(grid, parameters);
  update(parameters, moments, factor_of(sum, settings), hyper_of(settings, step + 1), settings);
  return result(grid, loss, sum, mean(model, settings));
}

}  // namespace shard
