#include "chapters/18_pipeline/pipeline.h"

#include <algorithm>
#include <ranges>

#include "chapters/10_tensor_and_data_parallel/micro_batches.h"
#include "common/tensor/ops.h"

namespace shard {

Pipeline::Pipeline(Communicator& dp, PipelinedModel& model, const TrainingSettings& settings,
                   const Schedule& schedule)
    : model_(model),
      settings_(settings),
      factor_(1.0f / static_cast<float>(settings.batch * model.sizes().context)),
      dp_(dp),
      engine_(model.stages(), schedule),
      loss_(Tensor::zeros(dp.backend(), {1})) {
  require_enough_sequences(dp, settings);
  const Dependencies dependencies(schedule);
  require(dependencies.chunks() == model.chunks() &&
              dependencies.micro_batches() == settings.accumulate,
          "a schedule of ", dependencies.micro_batches(), " micro-batches through ",
          dependencies.chunks(), " chunks a stage, for ", settings.accumulate,
          " micro-batches through ", model.chunks());
  model.computes_in = type_of(settings.precision);
}

Tensor Pipeline::run(int64_t step, const BatchOf& batch_of, GradientReduction& reduction) {
  step_ = step;
  batch_of_ = &batch_of;
  reduction_ = &reduction;
  most_in_flight_ = 0;
  fill(loss_, 0.0f);
  engine_.run(*this);
  if (engine_.chunks() > 1) {  // each chunk's last backward pass was at another time
    reduction.reduce_in_next_backward();
    Parameters all = model_.parameters();
    std::ranges::reverse(all);
    for (const Parameter* parameter : all) parameter->gradient_is_ready();
  }
  Communicator& stages = model_.stages();
  stages.broadcast(loss_, stages.size() - 1);
  return loss_;
}

//! [18-pipeline]
Tensor Pipeline::execute(const Step& step, const Tensor& input) {
  Tensor result;
  if (step.pass == Pass::forward) {
    result = forward(step, input);
  } else {
    require(step.pass != Pass::weight_gradient, "a pipeline of whole backward passes was given ",
            in_words(step));
    if (is_last_backward(step)) reduction_->reduce_in_next_backward();
    result = model_.part(step.chunk).backward(step.micro_batch, input, factor_);
  }
  if (after_step) after_step(step);
  return result;
}

Tensor Pipeline::forward(const Step& step, const Tensor& input) {
  PipelinePart& part = model_.part(step.chunk);
  const Range sequences = sequences_of(dp_, settings_, step.micro_batch);
  Batch batch{.sequences = sequences.size()};
  if (part.takes_tokens() || part.gives_losses()) batch = (*batch_of_)(sequences);
  const Tensor output = part.forward(step.micro_batch, input, batch,
                                     {.probability = static_cast<float>(settings_.dropout),
                                      .seed = settings_.seed,
                                      .pass = static_cast<uint64_t>(step_),
                                      .first_sequence = sequences.begin,
                                      .rows = rows_of(step)});
  int64_t in_flight = 0;
  for (int chunk = 0; chunk < model_.chunks(); ++chunk) in_flight += model_.part(chunk).in_flight();
  most_in_flight_ = std::max(most_in_flight_, in_flight);
  if (!part.gives_losses()) return output;
  add_sum(loss_, output);
  return {};
}
//! [18-pipeline]

/// The last one of a stage with one part, which the reduction of its gradients can overlap.
bool Pipeline::is_last_backward(const Step& step) const {
  const auto is_of_weights = [](const Step& each) { return each.pass == Pass::weight_gradient; };
  const auto last = std::ranges::find_if_not(std::views::reverse(engine_.steps()), is_of_weights);
  return engine_.chunks() == 1 && step == *last;
}

RowMap Pipeline::rows_of(const Step& step) const {
  return RowMap::of_sequences(sequences_of(dp_, settings_, step.micro_batch),
                              model_.sizes().context);
}

Tensor Pipeline::place_for_input(const Step& step) {
  return model_.place_for(step.chunk, rows_of(step));
}

}  // namespace shard
