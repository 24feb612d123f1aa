// Trainer: one training step on a tensor × data parallel grid: batches in, loss and gradient norm
// out.
#pragma once
#include <limits>

#include "chapters/09_data_parallel/data_parallel.h"
#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "common/comm/process_grid.h"
#include "common/text/text_data.h"

namespace shard {

struct TrainingSettings {
  int64_t batch = 12;      // sequences a step, of all ranks together
  int64_t accumulate = 1;  // micro-batches that the batch is cut into
  int64_t steps = 200;
  double learning_rate = 1e-3, min_learning_rate = 1e-4;
  int64_t warmup = 20;  // steps
  double beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8, weight_decay = 0.1;
  double clip = 1.0;  // limit of the gradient norm; 0: none
  double dropout = 0;
  uint64_t seed = 0;
  double validation_fraction = 0.1;  // part of the text that is kept for validation
  DataType precision =
      DataType::f32;  // of weights and activations; the weights that AdamW updates stay f32
  DataType reduce_in = DataType::f32;  // what gradients travel in between the data-parallel ranks
};

/// Calls visit(name, member, least, most) for every setting that a checkpoint keeps, by its
/// option's name without --.
template <class Visit>
void for_each_setting(const Visit& visit) {
  constexpr int64_t many = int64_t{1} << 20;
  constexpr double any = std::numeric_limits<double>::max();
  visit("seed", &TrainingSettings::seed, 0, std::numeric_limits<int64_t>::max());
  visit("batch", &TrainingSettings::batch, 1, many);
  visit("accumulate", &TrainingSettings::accumulate, 1, many);
  visit("steps", &TrainingSettings::steps, 1, int64_t{1} << 40);
  visit("learning-rate", &TrainingSettings::learning_rate, 0, any);
  visit("min-learning-rate", &TrainingSettings::min_learning_rate, 0, any);
  visit("warmup", &TrainingSettings::warmup, 0, int64_t{1} << 40);
  visit("beta1", &TrainingSettings::beta1, 0, 0.999999);
  visit("beta2", &TrainingSettings::beta2, 0, 0.999999);
  visit("epsilon", &TrainingSettings::epsilon, 0, 1);
  visit("weight-decay", &TrainingSettings::weight_decay, 0, any);
  visit("clip", &TrainingSettings::clip, 0, any);
  visit("dropout", &TrainingSettings::dropout, 0, 0.99);
  visit("validation-fraction", &TrainingSettings::validation_fraction, 0, 0.9);
}

/// Linear warm-up from 0, then a half cosine from learning_rate down to min_learning_rate
/// (Loshchilov and Hutter, arXiv:1608.03983). Steps count from 0.
double learning_rate_at(int64_t step, const TrainingSettings& settings);

/// The tokens of some sequences and, for each token, the one that follows it.
struct Batch {
  Tensor tokens, targets;  // i32 [sequences·context]
  int64_t sequences = 0;
};

/// A parameter and what AdamW keeps of it, each [shard.local()] in f32.
struct TrainedParameter {
  Parameter* parameter;
  Tensor weight;  // the parameter's value itself, or what it is rounded from
  Tensor first_moment, second_moment;
};

class Trainer {
 public:
  /// Throws UsageError when the batch has fewer sequences than dp · accumulate. Rounds the model's
  /// weights to settings.precision; the unrounded ones stay here.
  Trainer(ProcessGrid& grid, Gpt& model, const TrainingSettings& settings);

  struct Step {
    double loss = 0;           // mean over the tokens of the whole batch, before the update
    double gradient_norm = 0;  // before clipping
  };
  /// One step, the same numbers on every rank. `batch_of(range)` gives sequences `range` of the
  /// step's whole batch; a rank asks for its own only. The learning rate is learning_rate_at(step)
  /// unless given. Where a gradient is not finite, the weights stay as they are.
  Step step(int64_t step, const std::function<Batch(Range)>& batch_of, double learning_rate);
  Step step(int64_t step, const std::function<Batch(Range)>& batch_of) {
    return this->step(step, batch_of, learning_rate_at(step, settings_));
  }

  /// The gradients of the whole batch's mean loss, and that loss: a step without its update.
  double gradients(int64_t step, const std::function<Batch(Range)>& batch_of);

  const std::vector<TrainedParameter>& trained() const { return trained_; }
  /// Rounds all weights to the model's precision: after someone else has changed them.
  void round_weights();

 private:
  /// Fills the gradients of all parameters. Returns the sum of the whole batch's losses: [1], on
  /// the device.
  Tensor sum_gradients(int64_t step, const std::function<Batch(Range)>& batch_of);
  double mean_of(
      const Tensor& sum) const;  // over the tokens of the whole batch: waits for the device
  Tensor sum_of_squared_gradients();
  void update(int64_t step, double learning_rate, const Tensor& gradient_factor);

  ProcessGrid& grid_;
  Gpt& model_;
  TrainingSettings settings_;
  DataParallel data_parallel_;
  std::vector<TrainedParameter> trained_;
  Tensor loss_, squares_;  // [1] each
};

}  // namespace shard
