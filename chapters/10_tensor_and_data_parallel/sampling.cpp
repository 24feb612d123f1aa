#include "chapters/10_tensor_and_data_parallel/sampling.h"

#include <algorithm>
#include <cmath>

namespace shard {

int32_t draw(std::span<const float> logits, double temperature, double u) {
  const auto largest = std::max_element(logits.begin(), logits.end());
  if (temperature == 0.0) return static_cast<int32_t>(largest - logits.begin());
  std::vector<double> weights(logits.size());
  double sum = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    weights[i] = std::exp((logits[i] - *largest) / temperature);
    sum += weights[i];
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    u -= weights[i] / sum;
    if (u < 0) return static_cast<int32_t>(i);
  }
  return static_cast<int32_t>(weights.size()) - 1;
}

std::vector<float> last_row(Communicator& tp, const Tensor& logits, int64_t vocabulary) {
  const Tensor row = logits.slice({logits.rows() - 1, logits.rows()});
  std::vector<float> all = tp.all_gather(row.reshape({row.columns()})).to_host();
  all.resize(static_cast<size_t>(vocabulary));
  return all;
}

std::vector<int32_t> sample(const NextLogits& next_logits, std::vector<int32_t> prompt,
                            int64_t count, RandomStream random, const SamplingSettings& settings) {
  require(!prompt.empty(), "a text needs a first token to go on from");
  std::vector<int32_t> text = std::move(prompt);
  for (int64_t i = 0; i < count; ++i) {
    std::vector<float> logits = next_logits(text);
    if (settings.tokens > 0)
      logits.resize(std::min(logits.size(), static_cast<size_t>(settings.tokens)));
    text.push_back(draw(logits, settings.temperature, random.uniform(static_cast<uint64_t>(i))));
    if (std::ranges::count(settings.end_of_text, text.back()) > 0) break;
  }
  return text;
}

std::vector<int32_t> sample(const LanguageModel& model, Communicator& tp,
                            std::vector<int32_t> prompt, int64_t count, RandomStream random,
                            const SamplingSettings& settings) {
  const auto next_logits = [&](std::span<const int32_t> text) {
    const int64_t seen = std::min(std::ssize(text), model.sizes().context);
    const auto window = text.last(static_cast<size_t>(seen));
    const Tensor tokens = Tensor::from(tp.backend(), {seen}, window);
    return last_row(tp, model.logits(tokens), model.sizes().vocabulary);
  };
  return sample(next_logits, std::move(prompt), count, random, settings);
}

}  // namespace shard
