// Conversion between UTF-8 and code points.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shard {

constexpr char32_t not_utf8 = 0xFFFFFFFF;

struct Utf8Character {
  char32_t point;  // not_utf8 if no character begins at this place
  size_t bytes;    // length of the character, or of an incomplete one: at least 1
};

/// The character that begins at byte `place` of a text.
Utf8Character utf8_at(std::string_view text, size_t place);

/// UTF-8 text as code points. Throws UsageError, naming `source` and the byte, if the text is not
/// UTF-8.
std::vector<char32_t> code_points(const std::string& text, const std::string& source);

/// Appends a code point to a text in UTF-8.
void append_utf8(std::string& out, char32_t point);

/// The text with U+FFFD in place of each sequence of bytes that is not UTF-8 (Unicode 16.0,
/// section 3.9, table 3-8).
std::string with_replacements(const std::string& text);

}  // namespace shard
