// Batches of random tokens, for models that are compared and not trained for their own sake.
#pragma once
#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "chapters/10_tensor_and_data_parallel/training_step.h"

namespace shard::chapter_13 {

/// Sequences `range` of batch `step`: functions of (seed, step, place), whichever rank asks.
inline Batch random_batch(Backend& backend, const GptSizes& sizes, uint64_t seed, int64_t step,
                          Range range) {
  const auto ids = [&](const char* name) {
    const RandomStream random{seed, stream_of(name, static_cast<uint64_t>(step))};
    const auto words = static_cast<uint64_t>(sizes.vocabulary);
    std::vector<int32_t> values;
    for (int64_t i = range.begin * sizes.context; i < range.end * sizes.context; ++i)
      values.push_back(static_cast<int32_t>(random.below(words, static_cast<uint64_t>(i))));
    return Tensor::from(backend, {std::ssize(values)}, std::span<const int32_t>(values));
  };
  return {ids("tokens"), ids("targets"), range.size()};
}

}  // namespace shard::chapter_13
