#include "chapters/21_experts/expert_gpt.h"

#include <algorithm>

#include "chapters/10_tensor_and_data_parallel/basic_gpt.h"
#include "common/tensor/ops.h"

namespace shard {

//! [21-groups]
void fold_experts(Grid& grid, int e) { grid.fold({"cp", "dp"}, "ep", e, "edp"); }

ExpertGroups expert_groups(Grid& grid) {
  return {grid.tp(), grid.group({"cp", "dp"}), grid.group({"ep"})};
}
//! [21-groups]

static ExpertGpt::MakeBlock block_maker(Grid& grid, const GptSizes& sizes,
                                        const ExpertSettings& settings, const Init& init) {
  return [&grid, sizes, settings, init](const std::string& name, float projection) {
    Communicator& tp = grid.tp();
    return std::make_unique<ExpertBlock>(
        tp, name, sizes.width, init,
        [&](const std::string& place) {
          return FusedAttention(tp, place, sizes.width, sizes.heads, init, projection);
        },
        [&](const std::string& place) {
          return ExpertMlp(expert_groups(grid), place, sizes.width, 4 * sizes.width, settings, init,
                           projection);
        });
  };
}

ExpertGpt::ExpertGpt(Grid& grid, const GptSizes& sizes, const ExpertSettings& settings,
                     const Init& init)
    : BasicGpt(grid.tp(), sizes, init, GptStage{.layers = {0, sizes.layers}},
               block_maker(grid, sizes, settings, init)) {}

// ---- Norm ---------------------------------------------------------------------------------------

//! [21-norm]
ExpertNorm::ExpertNorm(Grid& grid, const Parameters& parameters)
    : ranks_(grid.group({"tp", "ep"})),
      parameters_(parameters),
      squares_(Tensor::zeros(ranks_.backend(), {1})) {
  const bool is_first = grid.coordinate("ep") == 0;
  std::erase_if(parameters_, [&](const Parameter* parameter) {
    return !is_first && !parameter->is_partial_over("edp");
  });
}

Tensor ExpertNorm::sum_of_squares() {
  fill(squares_, 0.0f);
  add_counted_squares(squares_, parameters_);
  return ranks_.all_reduce(PartialSum(squares_));
}
//! [21-norm]

// ---- Optimizer ----------------------------------------------------------------------------------

ExpertOptimizer::ExpertOptimizer(Grid& grid, ExpertGpt& model, std::unique_ptr<Optimizer> adamw,
                                 float rate)
    : writes_(grid.world().rank() == 0), model_(model), adamw_(std::move(adamw)), rate_(rate) {}

void ExpertOptimizer::update(int64_t step, double learning_rate, const Tensor& gradient_factor) {
  adamw_->update(step, learning_rate, gradient_factor);
  if (rate_ == 0) return;
  for (const auto& block : model_.blocks) block->mlp.router.balance_bias(rate_);
}

TrainingState ExpertOptimizer::state() {
  TrainingState state = adamw_->state();
  for (const auto& block : model_.blocks) {
    const Router& router = block->mlp.router;
    state.weights.push_back(
        {block->name + ".mlp.router.bias", Shard::all(router.bias.shape()), router.bias, writes_});
  }
  return state;
}

StepParts parts_of_expert_step(Grid& grid, ExpertGpt& model, const TrainingSettings& settings,
                               float bias_rate) {
  StepParts parts = parts_of_step(grid, model, settings);
  parts.norm = std::make_unique<ExpertNorm>(grid, model.parameters());
  parts.optimizer =
      std::make_unique<ExpertOptimizer>(grid, model, std::move(parts.optimizer), bias_rate);
  return parts;
}

}  // namespace shard
