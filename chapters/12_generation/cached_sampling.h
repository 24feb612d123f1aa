// Texts from a model that keeps keys and values: those of chapter 10's sample, for less work.
#pragma once
#include "chapters/10_tensor_and_data_parallel/sampling.h"

namespace shard::chapter_12 {

/// A text that is to go on.
struct Text {
  std::vector<int32_t> tokens;  // at least one; what is written is added
  RandomStream random;          // its i-th draw takes number i
};

/// How long it took to write some texts, on this rank.
struct WritingTimes {
  int64_t prompt_tokens = 0;  // seen several at once
  double prompt_seconds = 0;
  int64_t tokens = 0;  // seen one at a time, of each text
  double seconds = 0;
  int64_t passes = 0;       // through the model for them: each reads all weights once
  int64_t kept_tokens = 0;  // whose keys and values these passes have read, all together
};

/// Continues each text by `count` tokens, or up to an end of text, as sample does, with the same
/// draws, the same on every rank of `tp`. A new token costs one row of every product; the rows of
/// up to 32 texts share them. Where one ends, the next takes its place. A text does not depend on
/// the others. When the context is full, the model goes on from the last half of it, where sample
/// would shift it by one token each time: until then the texts are equal.
WritingTimes write_texts(const Gpt& model, Communicator& tp, std::vector<Text>& texts,
                         int64_t count, const SamplingSettings& settings = {});

/// Bytes of the caches that it takes for them, on all ranks.
double cache_bytes(const GptSizes& sizes, const std::vector<Text>& texts, int64_t count);

/// write_texts for one text; returns it.
std::vector<int32_t> sample_with_cache(const Gpt& model, Communicator& tp,
                                       std::vector<int32_t> prompt, int64_t count,
                                       RandomStream random, const SamplingSettings& settings = {});

}  // namespace shard::chapter_12
