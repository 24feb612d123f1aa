#include "common/text/character_tokenizer.h"

#include <set>

#include "common/base/error.h"

namespace shard {

CharacterTokenizer::CharacterTokenizer(const std::vector<char32_t>& text) {
  const std::set<char32_t> different(text.begin(), text.end());
  characters_.assign(different.begin(), different.end());
  for (size_t i = 0; i < characters_.size(); ++i) tokens_[characters_[i]] = static_cast<int32_t>(i);
}

std::vector<int32_t> CharacterTokenizer::encode(const std::vector<char32_t>& text) const {
  std::vector<int32_t> tokens;
  for (char32_t point : text) {
    const auto found = tokens_.find(point);
    require_usage(found != tokens_.end(), "the tokenizer does not know the character U+", std::hex,
                  uint32_t{point});
    tokens.push_back(found->second);
  }
  return tokens;
}

std::vector<int32_t> CharacterTokenizer::encode(const std::string& text) const {
  return encode(code_points(text, "the text"));
}

std::string CharacterTokenizer::characters() const {
  std::string all;
  for (char32_t point : characters_) append_utf8(all, point);
  return all;
}

std::string CharacterTokenizer::decode(const std::vector<int32_t>& tokens) const {
  std::string out;
  for (int32_t token : tokens) append_utf8(out, characters_.at(static_cast<size_t>(token)));
  return out;
}

}  // namespace shard
