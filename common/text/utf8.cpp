#include "common/text/utf8.h"

#include "common/base/error.h"

namespace shard {

/// Length of the UTF-8 sequence that starts with this byte; 0 if none can.
static size_t sequence_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  if (first >= 0xF0 && first <= 0xF4) return 4;
  return 0;
}

Utf8Character utf8_at(std::string_view text, size_t place) {
  const auto first = static_cast<unsigned char>(text[place]);
  const size_t length = sequence_length(first);
  if (length <= 1) return {length == 1 ? first : not_utf8, 1};
  char32_t point = first & (0x7Fu >> length);
  // Limits of the second byte: no overlong encoding, no surrogate, nothing beyond U+10FFFF.
  unsigned least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  unsigned most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  for (size_t k = 1; k < length; ++k, least = 0x80, most = 0xBF) {
    const unsigned next = place + k < text.size() ? static_cast<unsigned char>(text[place + k]) : 0;
    if (next < least || next > most) return {not_utf8, k};
    point = point << 6 | (next & 0x3F);
  }
  return {point, length};
}

std::vector<char32_t> code_points(const std::string& text, const std::string& source) {
  std::vector<char32_t> points;
  for (size_t place = 0; place < text.size();) {
    const auto [point, bytes] = utf8_at(text, place);
    require_usage(point != not_utf8, source, ": the character at byte ", place, " of ", text.size(),
                  " is not valid UTF-8");
    points.push_back(point);
    place += bytes;
  }
  return points;
}

void append_utf8(std::string& out, char32_t point) {
  const auto byte = [&](char32_t value) { out += static_cast<char>(value); };
  const auto tail = [&](int shift) { byte(0x80 | ((point >> shift) & 0x3F)); };
  if (point < 0x80) {
    byte(point);
  } else if (point < 0x800) {
    byte(0xC0 | point >> 6), tail(0);
  } else if (point < 0x10000) {
    byte(0xE0 | point >> 12), tail(6), tail(0);
  } else {
    byte(0xF0 | point >> 18), tail(12), tail(6), tail(0);
  }
}

std::string with_replacements(const std::string& text) {
  std::string out;
  for (size_t place = 0; place < text.size();) {
    const auto [point, bytes] = utf8_at(text, place);
    point == not_utf8 ? append_utf8(out, 0xFFFD) : void(out.append(text, place, bytes));
    place += bytes;
  }
  return out;
}

}  // namespace shard
