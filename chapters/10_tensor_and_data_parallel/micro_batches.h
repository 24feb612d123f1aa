// MicroBatches: part 1 of a step. A rank's share of the batch in several passes, one after the
// other, so that activations of one pass only are kept.
#pragma once
#include "chapters/10_tensor_and_data_parallel/language_model.h"
#include "chapters/10_tensor_and_data_parallel/training_settings.h"
#include "chapters/10_tensor_and_data_parallel/training_step.h"

namespace shard {

class MicroBatches : public ForwardBackward {
 public:
  /// The ranks of `dp` share out the batch. Throws UsageError when it has fewer sequences than
  /// dp · accumulate.
  MicroBatches(Communicator& dp, LanguageModel& model, const TrainingSettings& settings);
  Tensor run(int64_t step, const BatchOf& batch_of, GradientReduction& reduction) override;
  int64_t tokens_per_step() const override { return settings_.batch * model_.sizes().context; }

 private:
  Range sequences_of(int64_t micro_batch) const;

  Communicator& dp_;
  LanguageModel& model_;
  TrainingSettings settings_;
  Tensor loss_;  // [1]
};

}  // namespace shard
