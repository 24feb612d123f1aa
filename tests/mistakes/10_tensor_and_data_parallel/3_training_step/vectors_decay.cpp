// expect: decayed where they should not: weight_decay is for matrices only
#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  zero_gradients(parameters);
  const Tensor loss = passes(grid, model, batch_of, settings, mean(model, settings));
  reduce(grid, parameters);
  const Tensor sum = squares(grid, parameters);
  AdamW hyper = hyper_of(settings, step + 1);
  hyper.weight_decay = static_cast<float>(settings.weight_decay);
  for (size_t i = 0; i < parameters.size(); ++i) {
    adamw(parameters[i]->value, moments.first[i], moments.second[i], parameters[i]->gradient,
          factor_of(sum, settings), hyper);
  }
  return result(grid, loss, sum, mean(model, settings));
}

}  // namespace shard
