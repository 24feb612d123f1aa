#include "common/text/unicode_classes.h"

#include <algorithm>
#include <array>
#include <span>

namespace shard {
namespace {

struct Range {
  char32_t first, last;
};

#include "common/text/unicode_ranges.inc"

bool holds(std::span<const Range> ranges, char32_t point) {
  const auto first_after =
      std::upper_bound(ranges.begin(), ranges.end(), point,
                       [](char32_t wanted, const Range& range) { return wanted < range.first; });
  return first_after != ranges.begin() && point <= std::prev(first_after)->last;
}

CharacterClass looked_up(char32_t point) {
  if (holds(letters, point)) return CharacterClass::letter;
  if (holds(numbers, point)) return CharacterClass::number;
  return holds(spaces, point) ? CharacterClass::space : CharacterClass::other;
}

}  // namespace

CharacterClass class_of(char32_t point) {
  static const auto ascii = [] {  // a table for the most frequent characters
    std::array<CharacterClass, 128> classes;
    for (char32_t i = 0; i < classes.size(); ++i) classes[i] = looked_up(i);
    return classes;
  }();
  return point < ascii.size() ? ascii[point] : looked_up(point);
}

}  // namespace shard
