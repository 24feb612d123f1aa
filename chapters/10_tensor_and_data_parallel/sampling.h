// Text from a trained model: one token after the other, each drawn from the model's probabilities.
#pragma once
#include <vector>

#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "common/base/random.h"

namespace shard {

struct SamplingSettings {
  double temperature = 0.8;  // 0: always the most probable token
  int64_t tokens = 0;        // only the first of them are drawn: the rest is padding; 0: all
  std::vector<int64_t> end_of_text = {};  // tokens after which the text ends
};

/// Continues `prompt` (at least one token) by `count` tokens, or up to an end of text, the same on
/// every rank of `tp`. The i-th draw uses number i of `random`. Keys and values of earlier tokens
/// are kept, so that a new token costs one row of every product. The model sees `context` tokens at
/// most: when they are full, it goes on from the last half of them.
std::vector<int32_t> sample(Gpt& model, Communicator& tp, std::vector<int32_t> prompt,
                            int64_t count, RandomStream random,
                            const SamplingSettings& settings = {});

}  // namespace shard
