// Counts in sentences: "1 rank", "2 ranks", "0 entries".
#pragma once
#include <ostream>

namespace shard {

template <class Number>
struct Counted {
  Number number;
  const char *one, *many;
};

/// A number with its noun, for text() and require(). `many` is the plural where that is not `one`
/// with an s.
template <class Number>
Counted<Number> counted(Number number, const char* one, const char* many = nullptr) {
  return {number, one, many};
}

template <class Number>
std::ostream& operator<<(std::ostream& out, const Counted<Number>& count) {
  out << count.number << ' ';
  if (count.number == Number{1}) return out << count.one;
  return count.many != nullptr ? out << count.many : out << count.one << 's';
}

}  // namespace shard
