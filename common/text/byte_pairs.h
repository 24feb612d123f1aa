// BytePairTokenizer: GPT-2's tokenizer. The text is cut into words. A word's bytes are merged pair
// by pair, in the order in which the pairs were learnt, until no known pair is left. Sennrich
// et al., arXiv:1508.07909, on bytes as in Radford et al., "Language models are unsupervised
// multitask learners", 2019, section 2.2.
#pragma once
#include <array>
#include <string_view>
#include <unordered_map>

#include "common/text/added_tokens.h"
#include "common/text/tokenizer.h"

namespace shard {

/// The data of a byte-pair tokenizer.
struct BytePairs {
  std::vector<std::string> tokens;  // by number, as printable characters
  /// In the order in which they were learnt.
  std::vector<std::pair<std::string, std::string>> merges;
  std::vector<AddedToken> added;             // with numbers of `tokens`, or the next ones
  std::string end_of_text;                   // the token that ends a text; empty if there is none
  bool add_prefix_space = false;             // each text is given a space at its beginning
  std::map<std::string, std::string> files;  // Tokenizer::files
  std::string source = "the tokenizer";      // for messages: the file that it was read from
};

/// GPT-2 writes each byte of a token as one printable character: printable bytes as themselves, the
/// others as U+0100, U+0101, … in order.
const std::array<std::string, 256>& printable_bytes();

class BytePairTokenizer : public Tokenizer {
 public:
  /// Throws UsageError if the merges do not match the tokens.
  explicit BytePairTokenizer(BytePairs pairs);

  int64_t vocabulary() const override { return static_cast<int64_t>(texts_.size()); }
  std::vector<int32_t> encode(const std::string& text) const override;
  std::string decode(const std::vector<int32_t>& tokens) const override;
  std::map<std::string, std::string> files() const override { return pairs_.files; }
  std::optional<int32_t> end_of_text() const override;

 private:
  struct Merge {
    int32_t rank, token;  // the smallest rank is merged first; the result is `token`
  };
  const Merge* merge_of(int32_t left, int32_t right) const;
  void learn_added_tokens();
  void encode_around(std::string_view text, bool normalized, std::vector<int32_t>& tokens) const;
  void encode_words(std::string_view text, std::vector<int32_t>& tokens) const;
  void encode_word(std::string_view word, std::vector<int32_t>& tokens) const;

  BytePairs pairs_;
  std::unordered_map<std::string, int32_t> numbers_;
  std::vector<std::string> texts_;              // by number: the bytes of a token
  std::array<int32_t, 256> bytes_{};            // the token of each byte; -1 if there is none
  std::unordered_map<uint64_t, Merge> merges_;  // by both numbers
};

}  // namespace shard
