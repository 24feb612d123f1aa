// BytePairTokenizer: GPT-2's tokenizer. The text is cut into words; a word's bytes are merged pair by pair, the pair
// that was merged first in training first, until no known pair is left. Sennrich et al., arXiv:1508.07909, on bytes as in
// Radford et al., "Language models are unsupervised multitask learners", 2019, section 2.2.
#pragma once
#include <map>
#include <unordered_map>

#include "chapters/10_tensor_and_data_parallel/tokenizer.h"

namespace shard {

class BytePairTokenizer : public Tokenizer {
 public:
  /// Reads GPT-2's vocab.json (token → number) and merges.txt (pairs, in order) as Hugging Face keeps them. Throws
  /// UsageError, naming the file, when one of them is not like that.
  BytePairTokenizer(const std::filesystem::path& vocabulary, const std::filesystem::path& merges);

  int64_t vocabulary() const override { return static_cast<int64_t>(tokens_.size()); }
  std::vector<int32_t> encode(const std::string& text) const override;
  std::string decode(const std::vector<int32_t>& tokens) const override;

 private:
  void append_tokens(const std::string& word, std::vector<int32_t>& tokens) const;

  std::unordered_map<std::string, int32_t> numbers_;
  std::vector<std::string> tokens_;                           // by number
  std::map<std::pair<std::string, std::string>, int> ranks_;  // of the pairs that merge
};

}  // namespace shard
