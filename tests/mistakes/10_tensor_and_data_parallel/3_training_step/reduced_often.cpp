// expect: are enough: each gradient is reduced once a step, after its last pass
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  zero_gradients(parameters);
  Tensor loss = Tensor::zeros(grid.world().backend(), {1});
  const Range mine = own_sequences(grid, settings);
  std::vector<Tensor> sums;
  for (const Parameter* parameter : parameters) sums.push_back(parameter->gradient.clone());
  for (int i = 0; i < settings.accumulate; ++i) {
    zero_gradients(parameters);
    accumulate(loss, pass(model, batch_of(micro_batch(mine, settings, i)), mean(model, settings)));
    reduce(grid, parameters);
    for (size_t k = 0; k < sums.size(); ++k) accumulate(sums[k], parameters[k]->gradient);
  }
  for (size_t k = 0; k < sums.size(); ++k) copy(parameters[k]->gradient, sums[k]);
  const Tensor sum = squares(grid, parameters);
  update(parameters, moments, factor_of(sum, settings), hyper_of(settings, step + 1), settings);
  return result(grid, loss, sum, mean(model, settings));
}

}  // namespace shard
