#include "chapters/10_tensor_and_data_parallel/micro_batches.h"

namespace shard {

Range sequences_of(Communicator& dp, const TrainingSettings& settings, int64_t micro_batch) {
  const Range mine = part_of(settings.batch, dp.size(), dp.rank());
  const Range part =
      part_of(mine.size(), static_cast<int>(settings.accumulate), static_cast<int>(micro_batch));
  return {mine.begin + part.begin, mine.begin + part.end};
}

void require_enough_sequences(Communicator& dp, const TrainingSettings& settings) {
  require_usage(settings.batch >= dp.size() * settings.accumulate, "--batch ", settings.batch,
                " has too few sequences for --dp ", dp.size(), " × --accumulate ",
                settings.accumulate);
}

MicroBatches::MicroBatches(Communicator& dp, LanguageModel& model, const TrainingSettings& settings)
    : dp_(dp), model_(model), settings_(settings), loss_(Tensor::zeros(dp.backend(), {1})) {
  require_enough_sequences(dp, settings);
}

//! [10-micro-batches]
Tensor MicroBatches::run(int64_t step, const BatchOf& batch_of, GradientReduction& reduction) {
  fill(loss_, 0.0f);
  const float mean = 1.0f / static_cast<float>(tokens_per_step());  // over the whole batch
  for (int64_t micro_batch = 0; micro_batch < settings_.accumulate; ++micro_batch) {
    const Range sequences = sequences_of(dp_, settings_, micro_batch);
    const Batch batch = batch_of(sequences);
    const DropoutMoment moment{static_cast<float>(settings_.dropout), settings_.seed,
                               static_cast<uint64_t>(step), sequences.begin};
    if (micro_batch + 1 == settings_.accumulate) reduction.reduce_in_next_backward();
    add_sum(loss_, model_.forward_backward(batch, moment, mean));
  }
  return loss_;
}
//! [10-micro-batches]

}  // namespace shard
