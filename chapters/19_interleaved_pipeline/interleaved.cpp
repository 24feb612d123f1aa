#include "chapters/19_interleaved_pipeline/interleaved.h"

#include <algorithm>

#include "common/base/error.h"

namespace shard {

//! [19-order]
/// How many groups there are of m micro-batches.
static int groups(int stages, int64_t micro_batches) {
  return static_cast<int>(std::max<int64_t>(1, micro_batches / stages));
}

std::vector<Range> InterleavedOrder::groups_of(int stages, int64_t micro_batches) {
  require(stages >= 1 && micro_batches >= 1, "an interleaved pipeline of ", stages, " stages and ",
          micro_batches, " micro-batches");
  const int count = groups(stages, micro_batches);
  std::vector<Range> all;
  for (int group = 0; group < count; ++group) all.push_back(part_of(micro_batches, count, group));
  return all;
}

InterleavedOrder::InterleavedOrder(int stages, int64_t micro_batches, int chunks)
    : InterleavedOrder(stages, chunks, groups_of(stages, micro_batches)) {}

InterleavedOrder::InterleavedOrder(int stages, int chunks, const std::vector<Range>& groups)
    : stages_(stages), chunks_(chunks), first_group_(groups.front().size()) {
  require(chunks >= 1, "an interleaved pipeline of stages with ", chunks, " chunks");
  for (const Range& group : groups) {
    for (int chunk = 0; chunk < chunks; ++chunk)
      for (int64_t i = group.begin; i < group.end; ++i) forward_.push_back({i, chunk});
  }
}

InterleavedOrder::Turn InterleavedOrder::backward(int64_t turn) const {
  const auto [micro_batch, chunk] = forward(turn);
  return {micro_batch, chunks_ - 1 - chunk};
}

/// Until the first one can come back, `turns` at most.
static int64_t first_passes(int64_t stage, int64_t stages, int64_t chunks, int64_t first_group,
                            int64_t turns) {
  return std::min(turns, 2 * (stages - 1 - stage) + (chunks - 1) * first_group);
}

int64_t InterleavedOrder::warm_up(int stage) const {
  return first_passes(stage, stages_, chunks_, first_group_, turns());
}

int64_t InterleavedOrder::warm_up(int stage, int stages, int64_t micro_batches, int chunks) {
  const int64_t first_group = part_of(micro_batches, groups(stages, micro_batches), 0).size();
  return first_passes(stage, stages, chunks, first_group, micro_batches * chunks);
}
//! [19-order]

//! [19-interleaved]
Steps interleaved(int stage, int stages, int64_t micro_batches, int chunks) {
  const InterleavedOrder order(stages, micro_batches, chunks);
  return interleaved(order, order.warm_up(stage));
}

Steps interleaved(const InterleavedOrder& order, int64_t warm_up) {
  Steps steps;
  for (int64_t turn = 0; turn < order.turns() + warm_up; ++turn) {
    if (turn < order.turns()) {
      const auto [micro_batch, chunk] = order.forward(turn);
      steps.push_back({Pass::forward, micro_batch, chunk});
    }
    if (turn >= warm_up) {
      const auto [micro_batch, chunk] = order.backward(turn - warm_up);
      steps.push_back({Pass::backward, micro_batch, chunk});
    }
  }
  return steps;
}
//! [19-interleaved]

//! [19-later]
Steps with_later_weights(const Steps& steps, int64_t later) {
  Steps result, waiting;  // waiting: the weights' parts, the oldest first
  const auto do_oldest = [&] {
    result.push_back(waiting.front());
    waiting.erase(waiting.begin());
  };
  for (const Step& step : steps) {
    if (step.pass != Pass::backward) {
      result.push_back(step);
      continue;
    }
    result.push_back({Pass::input_gradient, step.micro_batch, step.chunk});
    waiting.push_back({Pass::weight_gradient, step.micro_batch, step.chunk});
    if (std::ssize(waiting) > later) do_oldest();
  }
  while (!waiting.empty()) do_oldest();
  return result;
}

Steps zero_bubble_h1(int stage, int stages, int64_t micro_batches) {
  return with_later_weights(one_forward_one_backward(stage, stages, micro_batches), stage);
}
//! [19-later]

}  // namespace shard
