// expect: your gradient norm on tp 3 × dp 1 is too large: what all tp ranks hold was counted 3 times
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  zero_gradients(parameters);
  const Tensor loss = passes(grid, model, batch_of, settings, mean(model, settings));
  reduce(grid, parameters);
  Tensor sum = Tensor::zeros(grid.world().backend(), {1});
  for (const Parameter* parameter : parameters) add_sum_of_squares(sum, parameter->gradient);
  sum = grid.tp().all_reduce(PartialSum(sum));
  update(parameters, moments, factor_of(sum, settings), hyper_of(settings, step + 1), settings);
  return result(grid, loss, sum, mean(model, settings));
}

}  // namespace shard
