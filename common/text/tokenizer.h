// Tokenizer: the interface of all tokenizers, which convert text to tokens and back.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace shard {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual int64_t vocabulary() const = 0;
  /// Throws UsageError if the text is not UTF-8 or contains unknown characters.
  virtual std::vector<int32_t> encode(const std::string& text) const = 0;
  /// Tokens beyond the vocabulary, as a model with a padded one may generate, give no text.
  virtual std::string decode(const std::vector<int32_t>& tokens) const = 0;
  /// What its tokens are called in messages.
  virtual std::string unit() const { return "tokens"; }

  // What a checkpoint stores, so that tokenizer_in can restore the tokenizer:
  /// The characters that are tokens, in order, for training.json. Empty for byte pairs, which have
  /// files instead.
  virtual std::string characters() const { return ""; }
  /// Contents of the files beside the weights, by name, in Hugging Face's format.
  virtual std::map<std::string, std::string> files() const { return {}; }
  /// The token that ends a text, if there is one.
  virtual std::optional<int32_t> end_of_text() const { return {}; }
};

/// The tokenizer in a model's folder: the characters of training.json (a checkpoint of this
/// program), or the files of GPT-2's byte pairs (byte_pair_files.h). Throws UsageError if there is
/// none, or it cannot be read.
std::unique_ptr<Tokenizer> tokenizer_in(const std::filesystem::path& folder);

/// The tokenizer for training on `all_text`, which was read from `source`: that of the model in
/// `folder`, if given; else `vocabulary` tokens of byte pairs, learnt from the text; with a
/// vocabulary of 0, its characters. Throws UsageError if `vocabulary` is not 0 and cannot be
/// reached.
std::unique_ptr<Tokenizer> tokenizer_of(const std::string& all_text, const std::string& source,
                                        int64_t vocabulary, const std::filesystem::path& folder);

}  // namespace shard
