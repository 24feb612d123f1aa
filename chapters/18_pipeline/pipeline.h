// Pipeline: part 1 of a training step, where the model's parts are on several ranks. The stages
// execute a schedule's lists of steps, instead of one micro-batch after the other.
#pragma once
#include "chapters/10_tensor_and_data_parallel/training_settings.h"
#include "chapters/10_tensor_and_data_parallel/training_step.h"
#include "chapters/18_pipeline/engine.h"
#include "chapters/18_pipeline/pipelined_model.h"

namespace shard {

class Pipeline : public ForwardBackward, protected StageWork {
 public:
  /// The ranks of `dp` share out the batch; each share is cut into settings.accumulate
  /// micro-batches, as many as the schedule has. Throws UsageError for a batch with too few
  /// sequences, Error for a schedule with other stages, chunks or micro-batches.
  Pipeline(Communicator& dp, PipelinedModel& model, const TrainingSettings& settings,
           const Schedule& schedule);

  /// As ForwardBackward; all stages return the losses' sum, which the last one tells them.
  /// Collective over the stages.
  Tensor run(int64_t step, const BatchOf& batch_of, GradientReduction& reduction) override;
  int64_t tokens_per_step() const override { return settings_.batch * model_.sizes().context; }

  /// The most micro-batches that this stage had between forward and backward pass in the last run.
  int64_t most_in_flight() const { return most_in_flight_; }
  /// If set, called after each step.
  std::function<void(const Step&)> after_step;

 protected:
  /// Takes input_gradient for a whole backward pass: a class whose passes have two parts keeps the
  /// other part back, and computes it when its step comes.
  Tensor execute(const Step& step, const Tensor& input) override;
  Tensor place_for_input(const Step& step) override;

  PipelinedModel& model_;
  TrainingSettings settings_;
  float factor_;  // of the losses' sum in what is differentiated: 1 / the whole batch's tokens

 private:
  Tensor forward(const Step& step, const Tensor& input);
  RowMap rows_of(const Step& step) const;
  bool is_last_backward(const Step& step) const;

  Communicator& dp_;
  PipelineEngine engine_;
  Tensor loss_;  // [1]: the sum of this rank's losses
  int64_t most_in_flight_ = 0;
  int64_t step_ = 0;  // of the run under way, as the next two
  const BatchOf* batch_of_ = nullptr;
  GradientReduction* reduction_ = nullptr;
};

}  // namespace shard
