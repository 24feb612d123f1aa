// A whole training run: steps, validation, progress, and what is kept of it.
#pragma once
#include "chapters/10_tensor_and_data_parallel/loss_curve.h"
#include "chapters/10_tensor_and_data_parallel/text_data.h"
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "common/report.h"

namespace shard {

struct TrainingRun {
  LossCurve curve;
  std::vector<double> gradient_norms;
  std::vector<double> seconds;  // of each step
  double validation_loss = 0;   // at the end; NaN without a validation text
  int64_t new_allocations = 0;  // blocks of device memory that steps after the tenth had to take: 0 in a steady state
};

/// Sequences `range` of training batch `step` as tensors.
Batch training_batch(Backend& backend, const TextData& data, uint64_t seed, int64_t step, Range range);

/// Mean loss over at most `windows` windows of the validation text, shared out over the dp ranks.
double validation_loss(ProcessGrid& grid, Gpt& model, const TextData& data, int64_t batch, int64_t windows);

/// Trains for settings.steps steps, with a validation every `eval_every` steps (0: only at the end), and shows progress
/// on rank 0. Throws Error when the loss is no longer a number.
TrainingRun train(ProcessGrid& grid, Gpt& model, const TextData& data, const TrainingSettings& settings,
                  int64_t eval_every, Report& report);

}  // namespace shard
