// MicroBatches: part 1 of a step. A rank's share of the batch in several passes, one after the
// other, so that activations of one pass only are kept.
#pragma once
#include "chapters/10_tensor_and_data_parallel/language_model.h"
#include "chapters/10_tensor_and_data_parallel/training_settings.h"
#include "chapters/10_tensor_and_data_parallel/training_step.h"

namespace shard {

/// The sequences of micro-batch `micro_batch` of settings.accumulate on this rank of `dp`: a part
/// of its part of the batch.
Range sequences_of(Communicator& dp, const TrainingSettings& settings, int64_t micro_batch);
/// Throws UsageError when the batch has fewer sequences than dp · accumulate.
void require_enough_sequences(Communicator& dp, const TrainingSettings& settings);

class MicroBatches : public ForwardBackward {
 public:
  /// The ranks of `dp` share out the batch. Throws as require_enough_sequences.
  MicroBatches(Communicator& dp, LanguageModel& model, const TrainingSettings& settings);
  Tensor run(int64_t step, const BatchOf& batch_of, GradientReduction& reduction) override;
  int64_t tokens_per_step() const override { return settings_.batch * model_.sizes().context; }

 private:
  Communicator& dp_;
  LanguageModel& model_;
  TrainingSettings settings_;
  Tensor loss_;  // [1]
};

}  // namespace shard
