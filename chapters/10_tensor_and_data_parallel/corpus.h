// Corpus: the text that is learnt, as tokens.
#pragma once
#include <filesystem>

#include "chapters/10_tensor_and_data_parallel/settings.h"
#include "common/text/text_data.h"
#include "common/text/tokenizer.h"

namespace shard::chapter_10 {

/// A text, and how messages name it.
struct Source {
  std::string text, where;
};
/// What --data names, or the default text. Throws UsageError as read_text.
Source source_of(const Settings& settings);

struct Corpus {
  /// The tokenizer is that of the model in folder `origin`, of settings.sizes.vocabulary tokens;
  /// without one a new one, whose vocabulary becomes the model's. Throws UsageError for a text that
  /// is too short, and for a tokenizer that does not fit the model.
  Corpus(const Source& source, Settings& settings, const std::filesystem::path& origin = {});

  std::unique_ptr<Tokenizer> tokenizer;
  TextData data;
  double bytes_per_token;
};

}  // namespace shard::chapter_10
