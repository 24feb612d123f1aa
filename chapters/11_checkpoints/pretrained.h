// Pretrained: a GPT-2 in a folder, as Hugging Face's transformers or this program has saved it:
// weights, config.json and a tokenizer that fit together.
#pragma once
#include "chapters/11_checkpoints/weights.h"
#include "common/text/tokenizer.h"

namespace shard {

struct Pretrained {
  /// `path`: the folder, or its file of weights or index (SafetensorsFiles). Throws UsageError,
  /// naming the file, for a model that Gpt cannot compute, and for a tokenizer with more tokens
  /// than the model has.
  explicit Pretrained(const std::filesystem::path& path);

  WeightsFile weights;
  std::filesystem::path folder;  // of the weights
  GptSizes sizes;
  std::unique_ptr<Tokenizer> tokenizer;
  std::vector<int64_t> end_of_text;  // tokens after which its texts end
  /// Rows of the embedding behind the tokenizer's tokens: a vocabulary is padded to a round number.
  int64_t padding() const { return sizes.vocabulary - tokenizer->vocabulary(); }
};

/// The tokens after which the model in `folder` ends a text, as transformers finds them; without a
/// folder, the tokenizer's. Characters have none, whatever older checkpoints of them say.
std::vector<int64_t> end_of_text_of(const std::filesystem::path& folder,
                                    const Tokenizer& tokenizer);

}  // namespace shard
