#include "chapters/10_tensor_and_data_parallel/sampling.h"

#include <algorithm>
#include <cmath>

namespace shard {

/// The index at which the running sum of softmax(logits / temperature) passes `u` in [0, 1).
static int32_t draw(const std::vector<float>& logits, int64_t vocabulary, double temperature,
                    double u) {
  const auto largest = std::max_element(logits.begin(), logits.begin() + vocabulary);
  if (temperature == 0.0) return static_cast<int32_t>(largest - logits.begin());
  std::vector<double> weights;
  double sum = 0;
  for (int64_t i = 0; i < vocabulary; ++i) {
    weights.push_back(std::exp((logits[static_cast<size_t>(i)] - *largest) / temperature));
    sum += weights.back();
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    u -= weights[i] / sum;
    if (u < 0) return static_cast<int32_t>(i);
  }
  return static_cast<int32_t>(vocabulary - 1);
}

/// The logits after `text`, whose last tokens from `first_new` on the caches do not know yet:
/// [vocabulary and padding].
static std::vector<float> logits_after(Gpt& model, Communicator& tp,
                                       const std::vector<int32_t>& text, size_t first_new,
                                       std::vector<KeyValueCache>& caches) {
  const std::span<const int32_t> added(text.begin() + static_cast<std::ptrdiff_t>(first_new),
                                       text.end());
  const Tensor logits =
      model.next_logits(Tensor::from(tp.backend(), {std::ssize(added)}, added), caches);
  return tp.all_gather(logits.reshape({logits.columns()})).to_host();
}

std::vector<int32_t> sample(Gpt& model, Communicator& tp, std::vector<int32_t> prompt,
                            int64_t count, RandomStream random, const SamplingSettings& settings) {
  require(!prompt.empty(), "a text needs a first token to go on from");
  std::vector<int32_t> text = std::move(prompt);
  const auto context = static_cast<size_t>(model.sizes().context);
  size_t known =
      text.size() > context ? text.size() - context : 0;  // what the model has seen, or never will
  const int64_t tokens = settings.tokens > 0 ? settings.tokens : model.sizes().vocabulary;
  std::vector<KeyValueCache> caches = model.make_caches();
  for (int64_t i = 0; i < count; ++i) {
    if (caches[0].seen == model.sizes().context) {
      for (KeyValueCache& cache : caches) cache.seen = 0;
      known = text.size() - std::max<size_t>(1, context / 2);
    }
    const std::vector<float> logits = logits_after(model, tp, text, known, caches);
    known = text.size();
    text.push_back(
        draw(logits, tokens, settings.temperature, random.uniform(static_cast<uint64_t>(i))));
    if (std::ranges::count(settings.end_of_text, text.back()) > 0) break;
  }
  return text;
}

}  // namespace shard
