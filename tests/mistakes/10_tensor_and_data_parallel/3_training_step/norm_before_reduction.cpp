// expect: your gradient norm on tp 3 × dp 1 is that of this replica's gradients before they were reduced
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  zero_gradients(parameters);
  const Tensor loss = passes(grid, model, batch_of, settings, mean(model, settings));
  Tensor sum = Tensor::zeros(grid.world().backend(), {1});
  add_counted_squares(sum, parameters);
  sum = grid.world().all_reduce(PartialSum(sum));
  reduce(grid, parameters);
  update(parameters, moments, factor_of(sum, settings), hyper_of(settings, step + 1), settings);
  return result(grid, loss, sum, mean(model, settings));
}

}  // namespace shard
