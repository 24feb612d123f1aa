// Added tokens: texts that are always one token, such as <|endoftext|>.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shard {

/// A text that is always one token, regardless of the merges.
struct AddedToken {
  static constexpr int32_t no_number = -1;

  std::string content;
  int32_t number = no_number;           // without a number, texts that contain it are refused
  bool lstrip = false, rstrip = false;  // includes the spaces before it, or after it
  bool normalized = false;              // is searched for after those that are not normalized
};

/// A part of a text: an added token, or the text between two of them (`token` is null).
struct Piece {
  std::string_view text;
  const AddedToken* token = nullptr;
};

/// Splits a text at those added tokens whose `normalized` has this value. Of several tokens that
/// begin at the same place, the longest is used.
std::vector<Piece> pieces_of(std::string_view text, const std::vector<AddedToken>& added,
                             bool normalized);

}  // namespace shard
