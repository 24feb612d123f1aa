#include "common/text/added_tokens.h"

#include <algorithm>
#include <array>

#include "common/text/unicode_classes.h"
#include "common/text/utf8.h"

namespace shard {
namespace {

// The position at which the spaces at the end of a text begin, and at which those at its beginning
// end.
size_t begin_of_spaces_at_end(std::string_view text) {
  size_t begin = text.size();
  while (begin > 0) {
    size_t place = begin - 1;
    while (place > 0 && (text[place] & 0xC0) == 0x80) --place;
    if (class_of(utf8_at(text, place).point) != CharacterClass::space) break;
    begin = place;
  }
  return begin;
}

size_t end_of_spaces_at_begin(std::string_view text) {
  size_t end = 0;
  while (end < text.size()) {
    const auto [point, bytes] = utf8_at(text, end);
    if (class_of(point) != CharacterClass::space) break;
    end += bytes;
  }
  return end;
}

const AddedToken* longest_at(std::string_view text, size_t place,
                             const std::vector<AddedToken>& added, bool normalized) {
  const AddedToken* longest = nullptr;
  for (const AddedToken& token : added) {
    const bool is_here =
        token.normalized == normalized && text.substr(place).starts_with(token.content);
    if (is_here && (longest == nullptr || token.content.size() > longest->content.size()))
      longest = &token;
  }
  return longest;
}

}  // namespace

std::vector<Piece> pieces_of(std::string_view text, const std::vector<AddedToken>& added,
                             bool normalized) {
  std::array<bool, 256> begins_one{};
  for (const AddedToken& token : added)
    begins_one[static_cast<unsigned char>(token.content.at(0))] = true;
  std::vector<Piece> pieces;
  size_t done = 0;
  for (size_t place = 0; place < text.size();) {
    const bool may_begin = begins_one[static_cast<unsigned char>(text[place])];
    const AddedToken* token = may_begin ? longest_at(text, place, added, normalized) : nullptr;
    if (token == nullptr) {
      ++place;
      continue;
    }
    const size_t begin =
        std::max(done, token->lstrip ? begin_of_spaces_at_end(text.substr(0, place)) : place);
    if (begin > done) pieces.push_back({text.substr(done, begin - done)});
    pieces.push_back({text.substr(place, token->content.size()), token});
    place += token->content.size();
    done = place + (token->rstrip ? end_of_spaces_at_begin(text.substr(place)) : 0);
  }
  if (done < text.size()) pieces.push_back({text.substr(done)});
  return pieces;
}

}  // namespace shard
