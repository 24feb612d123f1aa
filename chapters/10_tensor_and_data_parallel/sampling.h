// Text from a trained model: one token after the other, each drawn from the model's probabilities.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "common/base/random.h"

namespace shard {

struct SamplingSettings {
  double temperature = 0.8;  // 0: always the most probable token
  int64_t tokens = 0;        // only the first of them are drawn: the rest is padding; 0: all
  std::vector<int64_t> end_of_text = {};  // tokens after which the text ends
};

/// The index at which the running sum of softmax(logits / temperature) exceeds `u` in [0, 1).
int32_t draw(std::span<const float> logits, double temperature, double u);

/// The logits of the token after `text`, whole: [vocabulary], the same on every rank.
using NextLogits = std::function<std::vector<float>(std::span<const int32_t> text)>;

/// The last row of `logits` [rows × ⌈vocabulary/t⌉], of which each rank has its columns, whole and
/// without padding: [vocabulary]. One all-gather.
std::vector<float> last_row(Communicator& tp, const Tensor& logits, int64_t vocabulary);

/// Continues `prompt` (at least one token) by `count` tokens, or up to an end of text. The i-th
/// draw uses number i of `random`.
std::vector<int32_t> sample(const NextLogits& next_logits, std::vector<int32_t> prompt,
                            int64_t count, RandomStream random,
                            const SamplingSettings& settings = {});

/// The same with the logits of `model`, the same text on every rank of `tp`. Each token costs a
/// forward pass of the last sizes().context tokens; chapter 12 does with less.
std::vector<int32_t> sample(const LanguageModel& model, Communicator& tp,
                            std::vector<int32_t> prompt, int64_t count, RandomStream random,
                            const SamplingSettings& settings = {});

}  // namespace shard
