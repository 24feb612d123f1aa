#pragma once
#include <vector>

#include "chapters/10_tensor_and_data_parallel/training_settings.h"
#include "chapters/10_tensor_and_data_parallel/training_step.h"
#include "common/comm/grid.h"
#include "exercises/10_tensor_and_data_parallel/own_tokens_gpt.h"

namespace shard {

/// What AdamW keeps of each parameter from step to step, in the order of model.parameters(): its
/// first and second moment, of the gradient's shape. The caller allocates them; they are 0 before
/// the first step.
struct Moments {
  std::vector<Tensor> first, second;
};

struct StepResult {
  double loss = 0;           // mean over the tokens of the whole batch, before the update
  double gradient_norm = 0;  // of that loss' gradient, before clipping
};

/// One training step on the ranks of `grid`, tp × dp; the same result on every rank.
/// batch_of(range) gives sequences `range` of the whole batch, which has settings.batch sequences
/// of model.sizes().context tokens. A rank computes part_of(settings.batch, d, dp rank) of them,
/// cut by part_of again into settings.accumulate micro-batches, none of which is empty. The
/// gradient is that of the mean loss of all tokens of the batch, its norm at most settings.clip (0:
/// no clipping). AdamW updates values and `moments`, with beta1, beta2 and epsilon of the settings,
/// weight_decay for matrices only, and learning_rate in every step. `step` counts from 0. The
/// parameters' gradients may hold anything before and after. Other settings are not used: there is
/// no warm-up and no dropout.
StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings);

}  // namespace shard
