#include "chapters/21_experts/expert_gpt.h"

#include <algorithm>

#include "chapters/10_tensor_and_data_parallel/adamw_optimizer.h"
#include "chapters/10_tensor_and_data_parallel/basic_gpt.h"
#include "chapters/10_tensor_and_data_parallel/micro_batches.h"
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

// ---- Reduction ----------------------------------------------------------------------------------

static constexpr int64_t bucket_bytes = 1 << 20;  // as BucketedReduction's

//! [21-reduction]
ExpertReduction::ExpertReduction(Grid& grid, const Parameters& parameters, DataType reduce_in)
    : grid_(grid),
      parameters_(parameters),
      replicated_(grid.dp(), parameters, bucket_bytes, reduce_in),
      experts_(grid.group({"edp"}), parameters, bucket_bytes, reduce_in, "edp"),
      others_(grid, parameters, {"dp", "edp"}) {}

void ExpertReduction::zero_gradients() { shard::zero_gradients(parameters_); }

void ExpertReduction::reduce_in_next_backward() {
  replicated_.reduce_in_next_backward();
  experts_.reduce_in_next_backward();
}

void ExpertReduction::wait() {
  replicated_.wait();
  experts_.wait();
  others_.sum();
}
//! [21-reduction]

/// Whether this rank is the one of those that hold the same part which writes it.
static bool writes(Grid& grid, const Parameter& parameter) {
  return parameter.counts && grid.coordinate(parameter.is_partial_over("edp") ? "edp" : "dp") == 0;
}

std::vector<StateTensor> ExpertReduction::gradients() const {
  std::vector<StateTensor> all;
  for (const Parameter* parameter : parameters_) {
    all.push_back({.name = parameter->name,
                   .shard = parameter->shard,
                   .part = parameter->gradient,
                   .writes = writes(grid_, *parameter)});
  }
  return all;
}

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

ExpertOptimizer::ExpertOptimizer(Grid& grid, ExpertGpt& model, const TrainingSettings& settings,
                                 float rate)
    : grid_(grid),
      model_(model),
      adamw_(std::make_unique<AdamWOptimizer>(grid, model.parameters(), settings)),
      rate_(rate) {}

void ExpertOptimizer::update(int64_t step, double learning_rate, const Tensor& gradient_factor) {
  adamw_->update(step, learning_rate, gradient_factor);
  if (rate_ == 0) return;
  for (const auto& block : model_.blocks) block->mlp.router.balance_bias(rate_);
}

TrainingState ExpertOptimizer::state() {
  TrainingState state = adamw_->state();
  const Parameters parameters = model_.parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (!parameters[i]->is_partial_over("edp")) continue;  // their writers are chapter 10's
    for (StateTensor* tensor :
         {&state.weights[i], &state.moments[2 * i], &state.moments[2 * i + 1]})
      tensor->writes = writes(grid_, *parameters[i]);
  }
  for (const auto& block : model_.blocks) {
    const Router& router = block->mlp.router;
    state.weights.push_back({block->name + ".mlp.router.bias", Shard::all(router.bias.shape()),
                             router.bias, grid_.world().rank() == 0});
  }
  return state;
}

StepParts parts_of_expert_step(Grid& grid, ExpertGpt& model, const TrainingSettings& settings,
                               float bias_rate) {
  const Parameters parameters = model.parameters();
  StepParts parts;
  parts.passes = std::make_unique<MicroBatches>(grid.dp(), model, settings);
  parts.reduction =
      std::make_unique<ExpertReduction>(grid, parameters, type_of(settings.reduce_in));
  parts.norm = std::make_unique<ExpertNorm>(grid, parameters);
  parts.optimizer = std::make_unique<ExpertOptimizer>(grid, model, settings, bias_rate);
  return parts;
}

}  // namespace shard
