#include "chapters/10_tensor_and_data_parallel/sampling.h"

#include <algorithm>
#include <cmath>

namespace shard {

/// The index at which the running sum of softmax(logits / temperature) passes `u` in [0, 1).
static int32_t draw(const std::vector<float>& logits, int64_t vocabulary, double temperature, double u) {
  const float max = *std::max_element(logits.begin(), logits.begin() + vocabulary);
  std::vector<double> weights;
  double sum = 0;
  for (int64_t i = 0; i < vocabulary; ++i) {
    weights.push_back(std::exp((logits[static_cast<size_t>(i)] - max) / temperature));
    sum += weights.back();
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    u -= weights[i] / sum;
    if (u < 0) return static_cast<int32_t>(i);
  }
  return static_cast<int32_t>(vocabulary - 1);
}

std::vector<int32_t> sample(Gpt& model, Communicator& tp, std::vector<int32_t> prompt, int64_t count,
                            RandomStream random, double temperature) {
  std::vector<int32_t> text = std::move(prompt);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t seen = std::min(std::ssize(text), static_cast<std::ptrdiff_t>(model.sizes().context));
    const std::span<const int32_t> last(text.end() - seen, text.end());
    const Tensor logits = model.logits(Tensor::from(tp.backend(), {seen}, last), 1);  // [seen × ⌈vocabulary/t⌉]
    const Tensor next = logits.slice({seen - 1, seen}).reshape({logits.columns()});
    const std::vector<float> all = tp.all_gather(next).to_host();  // [vocabulary and padding]
    text.push_back(draw(all, model.sizes().vocabulary, temperature, random.uniform(static_cast<uint64_t>(i))));
  }
  return text;
}

}  // namespace shard
