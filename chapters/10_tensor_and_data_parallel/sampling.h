// Text from a trained model: one character after the other, each drawn from the model's probabilities.
#pragma once
#include <vector>

#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "common/random.h"

namespace shard {

/// Continues `prompt` (at least one token) by `count` tokens, the same on every rank of `tp`. The i-th draw uses number
/// i of `random`; a temperature of 0 takes the most probable token. Keys and values of earlier tokens are kept, so that
/// a new token costs one row of every product. The model sees `context` tokens at most: when they are full, it goes on
/// from the last half of them.
std::vector<int32_t> sample(Gpt& model, Communicator& tp, std::vector<int32_t> prompt, int64_t count,
                            RandomStream random, double temperature = 0.8);

}  // namespace shard
