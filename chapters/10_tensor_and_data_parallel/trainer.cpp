#include "chapters/10_tensor_and_data_parallel/trainer.h"

#include <cmath>

#include "common/comm/trace.h"

namespace shard {

double learning_rate_at(int64_t step, const TrainingSettings& s) {
  if (step < s.warmup)
    return s.learning_rate * static_cast<double>(step + 1) / static_cast<double>(s.warmup + 1);
  const double progress =
      std::min(1.0, static_cast<double>(step - s.warmup) /
                        static_cast<double>(std::max<int64_t>(1, s.steps - s.warmup)));
  return s.min_learning_rate +
         0.5 * (1.0 + std::cos(M_PI * progress)) * (s.learning_rate - s.min_learning_rate);
}

// Large enough that an all-reduce is worth its latency, small enough that the first starts early in
// the backward pass.
static constexpr int64_t bucket_bytes = 1 << 20;

Trainer::Trainer(ProcessGrid& grid, Gpt& model, const TrainingSettings& settings)
    : grid_(grid),
      model_(model),
      settings_(settings),
      data_parallel_(grid.dp(), model.parameters(), bucket_bytes, settings.reduce_in),
      loss_(Tensor::zeros(grid.dp().backend(), {1})),
      squares_(Tensor::zeros(grid.dp().backend(), {1})) {
  require_usage(settings.batch >= grid.dp().size() * settings.accumulate, "--batch ",
                settings.batch, " has too few sequences for --dp ", grid.dp().size(),
                " × --accumulate ", settings.accumulate);
  Backend& backend = grid.dp().backend();
  for (Parameter* parameter : model.parameters()) {
    const Tensor weight = parameter->value;
    trained_.push_back({parameter, weight, Tensor::zeros(backend, weight.shape()),
                        Tensor::zeros(backend, weight.shape())});
    if (settings.precision != weight.type()) parameter->value = cast(weight, settings.precision);
  }
}

//! [10-step]
Trainer::Step Trainer::step(int64_t step, const std::function<Batch(Range)>& batch_of,
                            double learning_rate) {
  TraceRange range(TraceRow::compute, "step");
  const Tensor loss = sum_gradients(step, batch_of);
  const Tensor squares = sum_of_squared_gradients();
  update(step, learning_rate, clip_factor(squares, static_cast<float>(settings_.clip)));
  // Up to here nothing has waited for the device: on a GPU the whole step is enqueued by now.
  return {mean_of(loss), std::sqrt(static_cast<double>(squares.to_host()[0]))};
}

double Trainer::gradients(int64_t step, const std::function<Batch(Range)>& batch_of) {
  return mean_of(sum_gradients(step, batch_of));
}

double Trainer::mean_of(const Tensor& sum) const {
  return static_cast<double>(sum.to_host()[0]) /
         static_cast<double>(settings_.batch * model_.sizes().context);
}

Tensor Trainer::sum_gradients(int64_t step, const std::function<Batch(Range)>& batch_of) {
  data_parallel_.zero_gradients();
  fill(loss_, 0.0f);
  const int64_t context = model_.sizes().context;
  const float mean =
      1.0f / static_cast<float>(settings_.batch * context);  // over the tokens of the whole batch
  const Range mine = part_of(settings_.batch, grid_.dp().size(), grid_.dp().rank());
  for (int64_t micro = 0; micro < settings_.accumulate; ++micro) {
    const Range part =
        part_of(mine.size(), static_cast<int>(settings_.accumulate), static_cast<int>(micro));
    const Range sequences{mine.begin + part.begin, mine.begin + part.end};
    const Batch batch = batch_of(sequences);
    const DropoutMoment moment{static_cast<float>(settings_.dropout), settings_.seed,
                               static_cast<uint64_t>(step), sequences.begin};
    Gpt::Kept kept;
    add_sum(loss_, model_.forward(batch.tokens, batch.targets, batch.sequences, moment, kept));
    if (micro + 1 == settings_.accumulate) data_parallel_.reduce_in_next_backward();
    model_.backward(mean, kept);
  }
  data_parallel_.wait();
  return grid_.dp().all_reduce(PartialSum(loss_));
}

/// Σ g² over the whole model: each tp rank adds what counts there.
Tensor Trainer::sum_of_squared_gradients() {
  fill(squares_, 0.0f);
  add_counted_squares(squares_, model_.parameters());
  return grid_.tp().all_reduce(PartialSum(squares_));
}

void Trainer::update(int64_t step, double learning_rate, const Tensor& gradient_factor) {
  TraceRange range(TraceRow::compute, "update");
  AdamW hyper{static_cast<float>(learning_rate),
              static_cast<float>(settings_.beta1),
              static_cast<float>(settings_.beta2),
              static_cast<float>(settings_.epsilon),
              0.0f,
              step + 1};
  for (auto& [parameter, weight, first, second] : trained_) {
    hyper.weight_decay = parameter->is_matrix() ? static_cast<float>(settings_.weight_decay) : 0.0f;
    adamw(weight, first, second, parameter->gradient, gradient_factor, hyper);
  }
  round_weights();
}
//! [10-step]

void Trainer::round_weights() {
  for (auto& [parameter, weight, first, second] : trained_) {
    if (parameter->value.type() != weight.type()) copy(parameter->value, weight);
  }
}

}  // namespace shard
