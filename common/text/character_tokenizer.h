// CharacterTokenizer: one token for each distinct character of a text.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "common/text/tokenizer.h"
#include "common/text/utf8.h"

namespace shard {

/// One token for each distinct character of a text, in the order of their code points.
class CharacterTokenizer : public Tokenizer {
 public:
  explicit CharacterTokenizer(const std::vector<char32_t>& text);
  int64_t vocabulary() const override { return static_cast<int64_t>(characters_.size()); }
  std::vector<int32_t> encode(const std::string& text) const override;
  std::vector<int32_t> encode(const std::vector<char32_t>& text) const;
  std::string decode(const std::vector<int32_t>& tokens) const override;
  std::string unit() const override { return "characters"; }
  std::string characters() const override;

 private:
  std::vector<char32_t> characters_;
  std::map<char32_t, int32_t> tokens_;
};

}  // namespace shard
