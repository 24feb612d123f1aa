// ExpertGpt: chapter 10's GPT whose MLPs are mixtures of experts, and the parts of its training
// step. Experts' parameters say "edp" where others say "dp"; reduction, norm and checkpoint follow.
#pragma once
#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "chapters/21_experts/expert_mlp.h"

namespace shard {

using ExpertBlock = BasicBlock<FusedAttention, ExpertMlp>;

/// The groups in a grid whose data-parallel ranks fold_experts has cut.
ExpertGroups expert_groups(Grid& grid);
/// Spreads the experts over e of the data-parallel ranks: e divides c·d. Adds the axes "ep" and
/// "edp" to the grid. Throws UsageError otherwise.
void fold_experts(Grid& grid, int e);

class ExpertGpt : public BasicGpt<ExpertBlock> {
 public:
  ExpertGpt(Grid& grid, const GptSizes& sizes, const ExpertSettings& settings, const Init& init);
};

/// Experts differ between the ep ranks, so their squares are summed over them; those of all other
/// parameters are counted once.
class ExpertNorm : public GradientNorm {
 public:
  ExpertNorm(Grid& grid, const Parameters& parameters);
  Tensor sum_of_squares() override;

 private:
  Communicator& ranks_;    // of tp and ep
  Parameters parameters_;  // those that are counted here
  Tensor squares_;         // [1]
};

/// `adamw`, and after it each router's bias: balance_bias(rate), unless the rate is 0.
class ExpertOptimizer : public Optimizer {
 public:
  ExpertOptimizer(Grid& grid, ExpertGpt& model, std::unique_ptr<Optimizer> adamw, float rate);
  void update(int64_t step, double learning_rate, const Tensor& gradient_factor) override;
  /// The biases too: a checkpoint without them would route differently.
  TrainingState state() override;
  void state_was_set() override { adamw_->state_was_set(); }

 private:
  bool writes_;
  ExpertGpt& model_;
  std::unique_ptr<Optimizer> adamw_;
  float rate_;
};

/// parts_of_step for an ExpertGpt.
StepParts parts_of_expert_step(Grid& grid, ExpertGpt& model, const TrainingSettings& settings,
                               float bias_rate = 0);

}  // namespace shard
