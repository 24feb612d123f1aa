// expect: your answer includes chapters/10_tensor_and_data_parallel/bucketed_reduction.h, which declares what the task asks you to write
// ranks: 4
#include "chapters/10_tensor_and_data_parallel/bucketed_reduction.h"
#include "chapters/10_tensor_and_data_parallel/gradient_norm.h"
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  BucketedReduction reduction(grid, parameters, DataType::f32);
  reduction.zero_gradients();
  Tensor loss = Tensor::zeros(grid.world().backend(), {1});
  const Range mine = own_sequences(grid, settings);
  for (int i = 0; i < settings.accumulate; ++i) {
    if (i + 1 == settings.accumulate) reduction.reduce_in_next_backward();
    accumulate(loss, pass(model, batch_of(micro_batch(mine, settings, i)), mean(model, settings)));
  }
  reduction.wait();
  const Tensor sum = ShardedGradientNorm(grid.tp(), parameters).sum_of_squares();
  update(parameters, moments, factor_of(sum, settings), hyper_of(settings, step + 1), settings);
  return result(grid, loss, sum, mean(model, settings));
}

}  // namespace shard
