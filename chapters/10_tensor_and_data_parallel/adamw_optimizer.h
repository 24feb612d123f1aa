// AdamWOptimizer: part 4 of a step. Moments and weights in f32, also where the model's are bf16.
// Loshchilov and Hutter, "Decoupled weight decay regularization", arXiv:1711.05101.
#pragma once
#include "chapters/10_tensor_and_data_parallel/training_settings.h"
#include "chapters/10_tensor_and_data_parallel/training_step.h"
#include "common/comm/grid.h"
#include "common/tensor/parameter.h"

namespace shard {

class AdamWOptimizer : public Optimizer {
 public:
  /// Rounds the parameters' values to settings.precision; the unrounded ones stay here. Those
  /// that hold the same, data_ranks_of a parameter, take turns in writing it.
  AdamWOptimizer(Grid& grid, const Parameters& parameters, const TrainingSettings& settings);
  void update(int64_t step, double learning_rate, const Tensor& gradient_factor) override;
  TrainingState state() override;
  void state_was_set() override { round_weights(); }

 private:
  /// A parameter and what AdamW keeps of it, each [shard.local()] in f32.
  struct Trained {
    Parameter* parameter;
    Tensor weight;  // the parameter's value itself, or what it is rounded from
    Tensor first_moment, second_moment;
  };
  void round_weights();
  /// Of each of them, whether this rank of those that hold the same writes it: so that all write
  /// about as much.
  std::vector<bool> writes() const;

  Grid& grid_;
  TrainingSettings settings_;
  std::vector<Trained> trained_;
};

}  // namespace shard
