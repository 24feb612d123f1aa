#include "chapters/10_tensor_and_data_parallel/corpus.h"

namespace shard::chapter_10 {

Source source_of(const Settings& s) {
  return {read_text(s.data), s.data.empty() ? "the default text" : "--data " + s.data};
}

/// The model's tokenizer, or a new one, after which the model's vocabulary is chosen.
static std::unique_ptr<Tokenizer> matching_tokenizer(const Source& source, Settings& s,
                                                     const std::filesystem::path& origin) {
  auto tokenizer = tokenizer_of(source.text, source.where, s.vocabulary, origin);
  if (origin.empty()) s.sizes.vocabulary = tokenizer->vocabulary();
  const int64_t padding = s.sizes.vocabulary - tokenizer->vocabulary();
  require_usage(padding == 0 || (padding > 0 && tokenizer->characters().empty()), origin.string(),
                " has a model of ", s.sizes.vocabulary, " tokens, but a tokenizer of ",
                tokenizer->vocabulary());
  return tokenizer;
}

Corpus::Corpus(const Source& source, Settings& s, const std::filesystem::path& origin)
    : tokenizer(matching_tokenizer(source, s, origin)),
      data(tokenizer->encode(source.text), s.training.validation_fraction, s.sizes.context),
      bytes_per_token(static_cast<double>(source.text.size()) /
                      static_cast<double>(data.training_tokens() + data.validation_tokens())) {}

}  // namespace shard::chapter_10
