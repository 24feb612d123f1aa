// Text from a trained model: one character after the other, each drawn from the model's probabilities.
#pragma once
#include <vector>

#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "common/random.h"

namespace shard {

/// Continues `prompt` by `count` tokens, the same on every rank of `tp`. The i-th draw uses number i of `random`.
/// The model sees the last `context` tokens each time.
std::vector<int32_t> sample(Gpt& model, Communicator& tp, std::vector<int32_t> prompt, int64_t count,
                            RandomStream random, double temperature = 0.8);

}  // namespace shard
