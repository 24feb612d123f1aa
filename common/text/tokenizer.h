// Tokenizer: text to tokens and back, whatever the model was trained with.
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
  /// Throws UsageError where the text is not UTF-8 or holds what the tokenizer does not know.
  virtual std::vector<int32_t> encode(const std::string& text) const = 0;
  /// Tokens beyond the vocabulary, as of a model with a padded one, stand for no text.
  virtual std::string decode(const std::vector<int32_t>& tokens) const = 0;
  /// What its tokens are called.
  virtual std::string unit() const { return "tokens"; }

  // What a checkpoint keeps, so that tokenizer_in makes the same tokenizer again:
  /// The characters that are tokens, in order, for training.json. Empty for byte pairs, which have
  /// files instead.
  virtual std::string characters() const { return ""; }
  /// Files beside the weights, by their names: those of Hugging Face.
  virtual std::map<std::string, std::string> files() const { return {}; }
  /// The token that ends a text, where there is one.
  virtual std::optional<int32_t> end_of_text() const { return {}; }
};

/// The tokenizer that lies beside a model: training.json's characters (a checkpoint of this
/// program), or the files of a GPT-2's byte pairs (byte_pair_files.h). Throws UsageError when there
/// is none, or it cannot be read.
std::unique_ptr<Tokenizer> tokenizer_in(const std::filesystem::path& folder);

/// The tokenizer of a training on `all_text`, which comes from `source`: that of the model in
/// `folder`, where one is given; else as many byte pairs as make `vocabulary` tokens, learnt from
/// the text; with a vocabulary of 0, its characters. Throws UsageError where `vocabulary` is not 0
/// and cannot be had.
std::unique_ptr<Tokenizer> tokenizer_of(const std::string& all_text, const std::string& source,
                                        int64_t vocabulary, const std::filesystem::path& folder);

}  // namespace shard
