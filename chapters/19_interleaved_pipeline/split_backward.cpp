#include "chapters/19_interleaved_pipeline/split_backward.h"

namespace shard {

static bool has_parts(const Schedule& schedule) {
  return std::ranges::any_of(schedule, [](const Steps& steps) {
    return std::ranges::any_of(steps,
                               [](const Step& step) { return step.pass == Pass::weight_gradient; });
  });
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
    require(!waiting_.empty() && waiting_.front().micro_batch == step.micro_batch &&
                waiting_.front().chunk == step.chunk,
            in_words(step), " are not those of the oldest backward pass");
    waiting_.pop_front();
    queue_->add_oldest_pass();
    if (after_step) after_step(step);
    return {};
  }
  if (step.pass != Pass::input_gradient) return Pipeline::execute(step, input);
  waiting_.push_back(step);
  queue_->begin_pass();
  const Tensor dx = Pipeline::execute(step, input);  // the queue takes Xᵀ·dY of every weight
  longest_queue_ = std::max(longest_queue_, queue_->passes());
  most_queued_bytes_ = std::max(most_queued_bytes_, queue_->bytes());
  return dx;
}
//! [19-split]

}  // namespace shard
