// Text from a model that keeps keys and values: the text of chapter 10's sample, for less work.
#pragma once
#include "chapters/10_tensor_and_data_parallel/sampling.h"

namespace shard::chapter_12 {

/// Continues `prompt` as sample does, with the same draws, the same on every rank of `tp`. A new
/// token costs one row of every product. When the context is full, the model goes on from the last
/// half of it, where sample would shift it by one token each time: until then the texts are equal.
std::vector<int32_t> sample_with_cache(const Gpt& model, Communicator& tp,
                                       std::vector<int32_t> prompt, int64_t count,
                                       RandomStream random, const SamplingSettings& settings = {});

}  // namespace shard::chapter_12
