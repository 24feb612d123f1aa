#include "exercises/10_tensor_and_data_parallel/3_training_step.h"

#include <cmath>

#include "common/tensor/ops.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  Backend& backend = grid.world().backend();
  const Parameters parameters = model.parameters();
  Tensor loss = Tensor::zeros(backend, {1}), squares = Tensor::zeros(backend, {1});

  // forward and backward: every token has the same weight, whatever micro-batch it is in
  zero_gradients(parameters);
  const float mean = 1.0f / static_cast<float>(settings.batch * model.sizes().context);
  const Range mine = part_of(settings.batch, grid.dp().size(), grid.dp().rank());
  for (int i = 0; i < settings.accumulate; ++i) {
    const Range part = part_of(mine.size(), static_cast<int>(settings.accumulate), i);
    const Batch batch = batch_of({mine.begin + part.begin, mine.begin + part.end});
    OwnTokensGpt::Kept kept;
    add_sum(loss, model.forward(batch.tokens, batch.targets, batch.sequences, {}, kept));
    model.backward(mean, kept);
  }

  // reduction: where the parameter says so
  loss = grid.dp().all_reduce(PartialSum(loss));
  for (Parameter* parameter : parameters) {
    for (const std::string& axis : parameter->partial_over)
      parameter->gradient = grid.group({axis}).all_reduce(PartialSum(parameter->gradient));
  }

  // norm: the ranks of one replica hold the whole gradient, and each element counts on one of them
  add_counted_squares(squares, parameters);
  squares = grid.tp().all_reduce(PartialSum(squares));
  const Tensor factor = clip_factor(squares, static_cast<float>(settings.clip));

  AdamW hyper{static_cast<float>(settings.learning_rate), static_cast<float>(settings.beta1),
              static_cast<float>(settings.beta2), static_cast<float>(settings.epsilon)};
  hyper.step = step + 1;
  for (size_t i = 0; i < parameters.size(); ++i) {
    Parameter& parameter = *parameters[i];
    hyper.weight_decay = parameter.is_matrix() ? static_cast<float>(settings.weight_decay) : 0.0f;
    adamw(parameter.value, moments.first[i], moments.second[i], parameter.gradient, factor, hyper);
  }
  return {loss.to_host()[0] * static_cast<double>(mean), std::sqrt(squares.to_host()[0])};
}

}  // namespace shard
