// Lists of a model's tensors that are the same on every stage of a pipeline: of another stage's
// tensor a rank has the name and no elements.
#pragma once
#include "chapters/10_tensor_and_data_parallel/training_step.h"

namespace shard {

/// `own`, and what other ranks of `stages` have and this one has not, in the order of the stages.
/// Collective over the stages.
std::vector<StateTensor> of_all_stages(Communicator& stages, const std::vector<StateTensor>& own);

/// A reduction whose gradients() are those of all stages. Made collectively.
class ReductionOnStages : public GradientReduction {
 public:
  ReductionOnStages(Communicator& stages, std::unique_ptr<GradientReduction> own)
      : own_(std::move(own)), gradients_(of_all_stages(stages, own_->gradients())) {}
  void zero_gradients() override { own_->zero_gradients(); }
  void reduce_in_next_backward() override { own_->reduce_in_next_backward(); }
  void wait() override { own_->wait(); }
  std::vector<StateTensor> gradients() const override { return gradients_; }

 private:
  std::unique_ptr<GradientReduction> own_;
  std::vector<StateTensor> gradients_;  // which stay the same ones
};

/// An optimizer whose state() is that of all stages: collective over them.
class OptimizerOnStages : public Optimizer {
 public:
  OptimizerOnStages(Communicator& stages, std::unique_ptr<Optimizer> own)
      : stages_(stages), own_(std::move(own)) {}
  void update(int64_t step, double learning_rate, const Tensor& gradient_factor) override {
    own_->update(step, learning_rate, gradient_factor);
  }
  TrainingState state() override {
    const TrainingState own = own_->state();
    return {of_all_stages(stages_, own.weights), of_all_stages(stages_, own.moments)};
  }
  void state_was_set() override { own_->state_was_set(); }

 private:
  Communicator& stages_;
  std::unique_ptr<Optimizer> own_;
};

}  // namespace shard
