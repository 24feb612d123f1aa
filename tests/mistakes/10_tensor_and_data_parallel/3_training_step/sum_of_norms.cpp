// expect: your gradient norm on tp 3 × dp 1 is the sum of the tp ranks' norms: add squares
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  zero_gradients(parameters);
  const Tensor loss = passes(grid, model, batch_of, settings, mean(model, settings));
  reduce(grid, parameters);
  Tensor sum = Tensor::zeros(grid.world().backend(), {1});
  add_counted_squares(sum, parameters);
  fill(sum, std::sqrt(sum.to_host()[0]));
  sum = grid.tp().all_reduce(PartialSum(sum));
  fill(sum, sum.to_host()[0] * sum.to_host()[0]);
  update(parameters, moments, factor_of(sum, settings), hyper_of(settings, step + 1), settings);
  return result(grid, loss, sum, mean(model, settings));
}

}  // namespace shard
