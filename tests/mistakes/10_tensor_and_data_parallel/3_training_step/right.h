// The right parts of a training step, for answers that are wrong in one place.
#pragma once
#include <cmath>

#include "common/tensor/ops.h"
#include "exercises/10_tensor_and_data_parallel/3_training_step.h"

namespace shard {

/// The factor of the backward passes: 1 / tokens of the whole batch.
inline float mean(const OwnTokensGpt& model, const TrainingSettings& settings) {
  return 1.0f / static_cast<float>(settings.batch * model.sizes().context);
}
inline Range own_sequences(Grid& grid, const TrainingSettings& settings) {
  return part_of(settings.batch, grid.dp().size(), grid.dp().rank());
}
/// The sequences of a micro-batch.
inline Range micro_batch(const Range& mine, const TrainingSettings& settings, int number) {
  const Range part = part_of(mine.size(), static_cast<int>(settings.accumulate), number);
  return {mine.begin + part.begin, mine.begin + part.end};
}

/// One forward and backward pass; returns the sum of the losses: [1].
inline Tensor pass(OwnTokensGpt& model, const Batch& batch, float factor) {
  Tensor loss = Tensor::zeros(batch.tokens.backend(), {1});
  OwnTokensGpt::Kept kept;
  add_sum(loss, model.forward(batch.tokens, batch.targets, batch.sequences, {}, kept));
  model.backward(factor, kept);
  return loss;
}
/// All of them; `factor` is that of the backward passes.
inline Tensor passes(Grid& grid, OwnTokensGpt& model, const BatchOf& batch_of,
                     const TrainingSettings& settings, float factor) {
  Tensor loss = Tensor::zeros(grid.world().backend(), {1});
  const Range mine = own_sequences(grid, settings);
  for (int i = 0; i < settings.accumulate; ++i)
    accumulate(loss, pass(model, batch_of(micro_batch(mine, settings, i)), factor));
  return loss;
}

inline void reduce(Communicator& group, Parameter& parameter) {
  parameter.gradient = group.all_reduce(PartialSum(parameter.gradient));
}
inline void reduce(Grid& grid, const Parameters& parameters) {
  for (Parameter* parameter : parameters) {
    for (const std::string& axis : parameter->partial_over) reduce(grid.group({axis}), *parameter);
  }
}

/// Σ g² over the replica: [1].
inline Tensor squares(Grid& grid, const Parameters& parameters) {
  Tensor sum = Tensor::zeros(grid.world().backend(), {1});
  add_counted_squares(sum, parameters);
  return grid.tp().all_reduce(PartialSum(sum));
}
inline Tensor factor_of(const Tensor& squares, const TrainingSettings& settings) {
  return clip_factor(squares, static_cast<float>(settings.clip));
}

inline AdamW hyper_of(const TrainingSettings& settings, int64_t adam_step) {
  return {static_cast<float>(settings.learning_rate),
          static_cast<float>(settings.beta1),
          static_cast<float>(settings.beta2),
          static_cast<float>(settings.epsilon),
          0.0f,
          adam_step};
}
inline void update(const Parameters& parameters, Moments& moments, const Tensor& factor,
                   AdamW hyper, const TrainingSettings& settings) {
  for (size_t i = 0; i < parameters.size(); ++i) {
    Parameter& p = *parameters[i];
    hyper.weight_decay = p.is_matrix() ? static_cast<float>(settings.weight_decay) : 0.0f;
    adamw(p.value, moments.first[i], moments.second[i], p.gradient, factor, hyper);
  }
}

inline StepResult result(Grid& grid, const Tensor& loss, const Tensor& squares, float mean) {
  return {grid.dp().all_reduce(PartialSum(loss)).to_host()[0] * static_cast<double>(mean),
          std::sqrt(squares.to_host()[0])};
}

}  // namespace shard
