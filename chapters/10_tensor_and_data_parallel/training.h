// A whole training run: steps, validation, progress, and what is kept of it.
#pragma once
#include <functional>

#include "chapters/10_tensor_and_data_parallel/metrics.h"
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "common/program/report.h"
#include "common/text/text_data.h"

namespace shard {

struct TrainingRun {
  Metrics metrics;  // of all steps: those before this run, as far as they are known, and its own
  int64_t first_step = 0;  // steps that were taken before it
  bool finished =
      false;      // all steps were taken, and the whole validation text was used for the last loss
  Ledger ledger;  // of the steps, without the validation at the end
  int64_t new_allocations =
      0;  // blocks of device memory that steps after the tenth had to take: 0 in a steady state
};

/// Sequences `range` of training batch `step` as tensors.
Batch training_batch(Backend& backend, const TextData& data, uint64_t seed, int64_t step,
                     Range range);

/// Mean loss over at most `windows` windows of the validation text, shared out over the dp ranks;
/// NaN without one.
double validation_loss(ProcessGrid& grid, Gpt& model, const TextData& data, int64_t batch,
                       int64_t windows);

struct TrainingPlan {
  int64_t first_step = 0;  // steps taken before, by the run that is resumed
  int64_t eval_every = 0;  // steps between validations; 0: only at the end
  Metrics history = {};    // of those steps, as far as they are known
  /// Called after every step with the metrics of all so far. Training ends early where it returns
  /// false.
  std::function<bool(const Metrics& so_far)> goes_on_after = [](const Metrics&) { return true; };
};

/// Trains up to step settings.steps, and shows progress on rank 0. Throws Error when the loss or
/// the gradient's norm is no longer a number, and names the first tensor that is not finite.
TrainingRun train(ProcessGrid& grid, Gpt& model, Trainer& trainer, const TextData& data,
                  const TrainingSettings& settings, const TrainingPlan& plan, Report& report);

}  // namespace shard
