// Tokenizer: text to tokens and back, whatever the model was trained with.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace shard {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual int64_t vocabulary() const = 0;
  /// Throws UsageError where the text is not UTF-8 or holds what the tokenizer does not know.
  virtual std::vector<int32_t> encode(const std::string& text) const = 0;
  virtual std::string decode(const std::vector<int32_t>& tokens) const = 0;
};

/// The tokenizer that lies beside a model: training.json's characters (a checkpoint of this program), or vocab.json and
/// merges.txt (GPT-2's byte pairs). Throws UsageError when there is none, or it cannot be read.
std::unique_ptr<Tokenizer> tokenizer_in(const std::filesystem::path& folder);

}  // namespace shard
