// Added tokens: texts that are one token wherever they stand, such as <|endoftext|>.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shard {

/// A text that is one token wherever it stands, whatever the merges would make of it.
struct AddedToken {
  static constexpr int32_t no_number = -1;

  std::string content;
  int32_t number = no_number;           // without one, a text that holds it is refused
  bool lstrip = false, rstrip = false;  // takes the spaces before it, or behind it, with it
  bool normalized = false;              // is looked for after all those that are not
};

/// A part of a text: an added token, or, where that is null, what stands between two.
struct Piece {
  std::string_view text;
  const AddedToken* token = nullptr;
};

/// A text in pieces, by those added tokens that are, or are not, normalized. Of several that begin
/// at the same place, the longest counts.
std::vector<Piece> pieces_of(std::string_view text, const std::vector<AddedToken>& added,
                             bool normalized);

}  // namespace shard
