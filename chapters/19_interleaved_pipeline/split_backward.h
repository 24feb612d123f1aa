// SplitBackward: a Pipeline whose schedule may do backward passes in two parts. I computes what the
// stage before waits for, and leaves the products of weights' gradients in a queue; W adds those of
// the oldest pass in it.
#pragma once
#include <optional>

#include "chapters/18_pipeline/pipeline.h"
#include "common/comm/trace.h"
#include "common/tensor/weight_gradients.h"

namespace shard {

class SplitBackward : public Pipeline {
 public:
  /// As Pipeline. Throws Error for a schedule in which weights' gradients have another order than
  /// the first halves of their backward passes.
  SplitBackward(Communicator& dp, PipelinedModel& model, const TrainingSettings& settings,
                const Schedule& schedule);

  Tensor run(int64_t step, const BatchOf& batch_of, GradientReduction& reduction) override;

  // Of the last run: the most passes that waited for their W, and bytes kept for them.
  int64_t longest_queue() const { return longest_queue_; }
  int64_t most_queued_bytes() const { return most_queued_bytes_; }

 protected:
  Tensor execute(const Step& step, const Tensor& input) override;

 private:
  std::optional<WeightGradientQueue> queue_;  // for schedules with W
  int64_t longest_queue_ = 0, most_queued_bytes_ = 0;
};

}  // namespace shard
