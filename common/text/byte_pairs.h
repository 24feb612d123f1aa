// BytePairTokenizer: GPT-2's tokenizer. The text is cut into words; a word's bytes are merged pair
// by pair, the pair that was merged first in training first, until no known pair is left. Sennrich
// et al., arXiv:1508.07909, on bytes as in Radford et al., "Language models are unsupervised
// multitask learners", 2019, section 2.2.
#pragma once
#include <array>
#include <string_view>
#include <unordered_map>

#include "common/text/added_tokens.h"
#include "common/text/tokenizer.h"

namespace shard {

/// What a tokenizer of byte pairs is made of.
struct BytePairs {
  std::vector<std::string> tokens;  // by number, as printable characters
  std::vector<std::pair<std::string, std::string>>
      merges;                     // in the order in which they were learnt
  std::vector<AddedToken> added;  // with numbers of `tokens`, or the next ones
  std::string end_of_text;        // the token that ends a text; empty where there is none
  bool add_prefix_space = false;  // each text begins with a space
  std::map<std::string, std::string> files;  // Tokenizer::files
  std::string source = "the tokenizer";      // for messages: the file that it was read from
};

/// GPT-2 writes each byte of a token as one printable character: those that are printable as
/// themselves, the others as U+0100, U+0101, … in their order.
const std::array<std::string, 256>& printable_bytes();

class BytePairTokenizer : public Tokenizer {
 public:
  /// Throws UsageError where the merges are not those of the tokens.
  explicit BytePairTokenizer(BytePairs pairs);

  int64_t vocabulary() const override { return static_cast<int64_t>(texts_.size()); }
  std::vector<int32_t> encode(const std::string& text) const override;
  std::string decode(const std::vector<int32_t>& tokens) const override;
  std::map<std::string, std::string> files() const override { return pairs_.files; }
  std::optional<int32_t> end_of_text() const override;

 private:
  struct Merge {
    int32_t rank, token;  // the smaller rank is merged first, and makes this token
  };
  const Merge* merge_of(int32_t left, int32_t right) const;
  void learn_added_tokens();
  void encode_around(std::string_view text, bool normalized, std::vector<int32_t>& tokens) const;
  void encode_words(std::string_view text, std::vector<int32_t>& tokens) const;
  void encode_word(std::string_view word, std::vector<int32_t>& tokens) const;

  BytePairs pairs_;
  std::unordered_map<std::string, int32_t> numbers_;
  std::vector<std::string> texts_;              // by number: the bytes that a token stands for
  std::array<int32_t, 256> bytes_{};            // the token of each byte; -1 where there is none
  std::unordered_map<uint64_t, Merge> merges_;  // by both numbers
};

}  // namespace shard
