#include "chapters/19_interleaved_pipeline/split_backward.h"

#include <algorithm>

namespace shard {

/// Whether there are backward passes in two parts. A queue adds the oldest pass only: throws Error
/// for a list in which another one's W comes first.
static bool has_parts(const Schedule& schedule) {
  bool has = false;
  for (const Steps& steps : schedule) {
    std::deque<Step> waiting;
    for (const Step& step : steps) {
      if (step.pass == Pass::input_gradient) waiting.push_back(step);
      if (step.pass != Pass::weight_gradient) continue;
      const Step& oldest = waiting.front();
      require(oldest.micro_batch == step.micro_batch && oldest.chunk == step.chunk, in_words(step),
              " come before those of micro-batch ", oldest.micro_batch,
              ", whose backward pass is older");
      waiting.pop_front();
      has = true;
    }
  }
  return has;
}

SplitBackward::SplitBackward(Communicator& dp, PipelinedModel& model,
                             const TrainingSettings& settings, const Schedule& schedule)
    : Pipeline(dp, model, settings, schedule) {
  if (has_parts(schedule)) queue_.emplace(model.parameters());
}

Tensor SplitBackward::run(int64_t step, const BatchOf& batch_of, GradientReduction& reduction) {
  longest_queue_ = most_queued_bytes_ = 0;
  return Pipeline::run(step, batch_of, reduction);
}

//! [19-split]
Tensor SplitBackward::execute(const Step& step, const Tensor& input) {
  if (step.pass == Pass::weight_gradient) {
    queue_->add_oldest_pass();
    if (after_step) after_step(step);
    return {};
  }
  if (step.pass != Pass::input_gradient) return Pipeline::execute(step, input);
  queue_->begin_pass();
  const Tensor dx = Pipeline::execute(step, input);  // the queue takes Xᵀ·dY of every weight
  longest_queue_ = std::max(longest_queue_, queue_->passes());
  most_queued_bytes_ = std::max(most_queued_bytes_, queue_->bytes());
  return dx;
}
//! [19-split]

}  // namespace shard
