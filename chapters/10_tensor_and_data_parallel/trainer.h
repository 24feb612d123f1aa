// Trainer: one training step on a tensor × data parallel grid: batches in, loss and gradient norm out.
#pragma once
#include "chapters/09_data_parallel/data_parallel.h"
#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "chapters/10_tensor_and_data_parallel/text_data.h"
#include "common/process_grid.h"

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
};

/// Linear warm-up from 0, then a half cosine from learning_rate down to min_learning_rate (Loshchilov and Hutter,
/// arXiv:1608.03983). Steps count from 0.
double learning_rate_at(int64_t step, const TrainingSettings& settings);

/// The tokens of some sequences and, for each token, the one that follows it.
struct Batch {
  Tensor tokens, targets;  // i32 [sequences·context]
  int64_t sequences = 0;
};

class Trainer {
 public:
  /// Throws UsageError when the batch has fewer sequences than dp · accumulate.
  Trainer(ProcessGrid& grid, Gpt& model, const TrainingSettings& settings);

  struct Step {
    double loss = 0;           // mean over the tokens of the whole batch, before the update
    double gradient_norm = 0;  // before clipping
  };
  /// One step, the same numbers on every rank. `batch_of(range)` gives sequences `range` of the step's whole batch; a
  /// rank asks for its own only. The learning rate is learning_rate_at(step) unless given.
  Step step(int64_t step, const std::function<Batch(Range)>& batch_of, double learning_rate);
  Step step(int64_t step, const std::function<Batch(Range)>& batch_of) {
    return this->step(step, batch_of, learning_rate_at(step, settings_));
  }

  /// The gradients of the whole batch's mean loss, and that loss: a step without its update.
  double gradients(int64_t step, const std::function<Batch(Range)>& batch_of);

 private:
  Tensor sum_of_squared_gradients();
  void update(int64_t step, double learning_rate, const Tensor& gradient_factor);

  ProcessGrid& grid_;
  Gpt& model_;
  TrainingSettings settings_;
  Parameters parameters_;
  DataParallel data_parallel_;
  struct Moments {
    Tensor first, second;
  };
  std::vector<Moments> moments_;  // one pair a parameter
  Tensor loss_, squares_;         // [1] each
};

}  // namespace shard
