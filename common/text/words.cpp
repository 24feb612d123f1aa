#include "common/text/words.h"

#include "common/base/error.h"
#include "common/text/unicode_classes.h"
#include "common/text/utf8.h"

namespace shard {
namespace {

struct Run {
  size_t end, last;  // where it ends, and where its last character begins
};

CharacterClass class_at(std::string_view text, size_t place) {
  return class_of(utf8_at(text, place).point);
}

/// The longest run of characters from `begin` on with the same class as the first.
Run run_at(std::string_view text, size_t begin) {
  const CharacterClass wanted = class_at(text, begin);
  Run run{begin, begin};
  while (run.end < text.size()) {
    const auto [point, bytes] = utf8_at(text, run.end);
    require_usage(point != not_utf8, "the text is not valid UTF-8 at byte ", run.end, " of ",
                  text.size());
    if (class_of(point) != wanted) break;
    run = {run.end + bytes, run.end};
  }
  return run;
}

/// The length of an English contraction at `begin`, as in "it's" or "we'll"; 0 if there is none.
size_t ending_at(std::string_view text, size_t begin) {
  for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    if (text.substr(begin).starts_with(ending)) return ending.size();
  }
  return 0;
}

size_t end_of_word(std::string_view text, size_t begin) {
  if (const size_t ending = ending_at(text, begin); ending > 0) return begin + ending;
  const bool space_before = text[begin] == ' ' && begin + 1 < text.size();
  if (space_before && class_at(text, begin + 1) != CharacterClass::space)
    return run_at(text, begin + 1).end;
  const Run run = run_at(text, begin);
  const bool spaces_before_a_word =
      class_at(text, begin) == CharacterClass::space && run.end < text.size();
  // The last of these spaces belongs to the next word.
  return spaces_before_a_word && run.last > begin ? run.last : run.end;
}

}  // namespace

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = end_of_word(text, begin);
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

}  // namespace shard
