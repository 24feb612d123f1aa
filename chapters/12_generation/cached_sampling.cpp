#include "chapters/12_generation/cached_sampling.h"

#include <algorithm>

#include "chapters/12_generation/key_value_cache.h"

namespace shard::chapter_12 {

//! [12-sampling]
std::vector<int32_t> sample_with_cache(const Gpt& model, Communicator& tp,
                                       std::vector<int32_t> prompt, int64_t count,
                                       RandomStream random, const SamplingSettings& settings) {
  const int64_t context = model.sizes().context;
  CachedGpt cached(model);
  // how many of the text's tokens the model has seen, or never will
  int64_t known = std::max<int64_t>(0, std::ssize(prompt) - context);
  const auto next_logits = [&](std::span<const int32_t> text) {
    if (cached.seen() == context) {
      cached.forget();
      known = std::ssize(text) - std::max<int64_t>(1, context / 2);
    }
    const std::span<const int32_t> added = text.subspan(static_cast<size_t>(known));
    known = std::ssize(text);
    const Tensor tokens = Tensor::from(tp.backend(), {std::ssize(added)}, added);
    return last_row(tp, cached.next_logits(tokens), model.sizes().vocabulary);
  };
  return sample(next_logits, std::move(prompt), count, random, settings);
}
//! [12-sampling]

}  // namespace shard::chapter_12
