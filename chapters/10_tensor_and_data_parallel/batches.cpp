#include "chapters/10_tensor_and_data_parallel/batches.h"

#include <algorithm>
#include <limits>

namespace shard::chapter_10 {

static Batch to_batch(Backend& backend, const TextData::Sequences& sequences, int64_t count) {
  const Shape shape{std::ssize(sequences.tokens)};
  return {Tensor::from(backend, shape, std::span<const int32_t>(sequences.tokens)),
          Tensor::from(backend, shape, std::span<const int32_t>(sequences.targets)), count};
}

Batch training_batch(Backend& backend, const TextData& data, uint64_t seed, int64_t step,
                     Range range) {
  return to_batch(backend, data.training(seed, step, range), range.size());
}

double validation_loss(Grid& grid, LanguageModel& model, const TextData& data, int64_t batch,
                       int64_t windows) {
  const int64_t chosen = std::min(windows, data.validation_windows());
  if (chosen <= 0) return std::numeric_limits<double>::quiet_NaN();
  Backend& backend = grid.dp().backend();
  const Range mine = part_of(chosen, grid.dp().size(), grid.dp().rank());
  Tensor sum = Tensor::zeros(backend, {1});
  // Every rank takes as many passes as the one with the most windows: a pass may be collective over
  // dp, where weights are gathered. Who has no window left computes one that does not count.
  const int64_t most = part_of(chosen, grid.dp().size(), 0).size();
  for (int64_t passed = 0; passed < most; passed += batch) {
    const int64_t begin = mine.begin + passed, end = std::min(begin + batch, mine.end);
    const Range range = begin < end ? Range{begin, end} : Range{0, 1};
    const Tensor losses =
        model.losses(to_batch(backend, data.validation(chosen, range), range.size()));
    if (begin < end) add_sum(sum, losses);
  }
  const Tensor all = grid.dp().all_reduce(PartialSum(sum));
  return static_cast<double>(all.to_host()[0]) /
         static_cast<double>(chosen * model.sizes().context);
}

}  // namespace shard::chapter_10
