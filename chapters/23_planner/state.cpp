#include "chapters/23_planner/state.h"

namespace shard::chapter_23 {

static constexpr int64_t value_bytes = 4;

RankState state_of(const RankWork& work) {
  const StateBytes each = state_of_parameter(Precision::f32);
  RankState state{.between_steps = {}, .peak_weights = 0, .buffers = 2 * value_bytes};
  const auto add = [&](int64_t parameters, int64_t ranks) {
    const StateBytes more = state_on_rank(each, work.layout.shard_optimizer, parameters, ranks);
    state.between_steps.weights += more.weights;
    state.between_steps.gradients += more.gradients;
    state.between_steps.optimizer += more.optimizer;
  };
  if (work.layout.shard_optimizer == 3) {
    const UnitElements units = units_of(work);
    for (const int64_t padded : units.padded) add(padded, work.data_ranks());
    for (const PartialElements& sums : units.partial) state.buffers += value_bytes * sums.copied();
    state.peak_weights = peak_weight_bytes(units.padded, work.data_ranks(), true);
    return state;
  }
  for (const GradientBucket& bucket : gradient_buckets(work))
    add(bucket.padded, bucket.group.ranks);
  state.peak_weights = state.between_steps.weights;
  state.buffers += value_bytes * partial_elements(work, work.parameters()).copied();
  if (work.model.experts > 0) {
    for (const GptStage& part : work.parts())
      state.buffers += part.layers.size() * value_bytes * work.model.experts;
  }
  return state;
}

}  // namespace shard::chapter_23
