#include "chapters/10_tensor_and_data_parallel/byte_pairs.h"

#include <algorithm>
#include <queue>
#include <tuple>

#include "chapters/10_tensor_and_data_parallel/unicode_classes.h"
#include "chapters/10_tensor_and_data_parallel/utf8.h"
#include "chapters/10_tensor_and_data_parallel/words.h"
#include "common/error.h"

namespace shard {
namespace {

uint64_t key_of(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

/// The bytes that a token stands for. One with any other character than printable_bytes() stands for itself.
std::string bytes_of(const std::string& token) {
  static const auto bytes = [] {
    std::unordered_map<std::string, char> all;
    for (size_t byte = 0; byte < 256; ++byte) all[printable_bytes()[byte]] = static_cast<char>(byte);
    return all;
  }();
  std::string out;
  for (char32_t point : code_points(token, "a token")) {
    std::string character;
    append_utf8(character, point);
    const auto found = bytes.find(character);
    if (found == bytes.end()) return token;
    out += found->second;
  }
  return out;
}

/// Where the spaces at the end of a text begin, and where those at its beginning end.
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

std::array<std::string, 256> make_printable_bytes() {
  std::array<std::string, 256> characters;
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool itself = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    append_utf8(characters[byte], itself ? byte : next++);
  }
  return characters;
}

}  // namespace

const std::array<std::string, 256>& printable_bytes() {
  static const std::array<std::string, 256> characters = make_printable_bytes();
  return characters;
}

BytePairTokenizer::BytePairTokenizer(BytePairs pairs) : pairs_(std::move(pairs)) {
  for (const std::string& token : pairs_.tokens) {
    numbers_.emplace(token, static_cast<int32_t>(numbers_.size()));
    texts_.push_back(bytes_of(token));
  }
  const auto number_of = [&](const std::string& token) {
    const auto found = numbers_.find(token);
    return found == numbers_.end() ? -1 : found->second;
  };
  for (size_t byte = 0; byte < 256; ++byte) bytes_[byte] = number_of(printable_bytes()[byte]);
  int32_t rank = 0;
  for (const auto& [left, right] : pairs_.merges) {
    const int32_t first = number_of(left), second = number_of(right), both = number_of(left + right);
    require_usage(first >= 0 && second >= 0 && both >= 0, pairs_.source, " merges \"", left, "\" and \"", right,
                  "\", but its vocabulary does not have these two and \"", left, right, "\"");
    merges_[key_of(first, second)] = {rank++, both};  // a pair that stands twice counts where it stands last
  }
  learn_added_tokens();
}

void BytePairTokenizer::learn_added_tokens() {
  for (const AddedToken& added : pairs_.added) {
    begins_added_token_[static_cast<unsigned char>(added.content.at(0))] = true;
    if (added.number < std::ssize(texts_)) continue;
    require(added.number == std::ssize(texts_), "the added token \"", added.content, "\" has number ", added.number,
            "; the next one is ", texts_.size());
    numbers_.emplace(added.content, added.number);
    texts_.push_back(bytes_of(added.content));
  }
}

std::optional<int32_t> BytePairTokenizer::end_of_text() const {
  const auto found = numbers_.find(pairs_.end_of_text);
  return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<int32_t> BytePairTokenizer::encode(const std::string& text) const {
  std::vector<int32_t> tokens;
  encode_around(text, false, tokens);
  return tokens;
}

/// The longest added token that stands at `place`, of those that are, or are not, "normalized".
const AddedToken* BytePairTokenizer::added_at(std::string_view text, size_t place, bool normalized) const {
  if (!begins_added_token_[static_cast<unsigned char>(text[place])]) return nullptr;
  const AddedToken* longest = nullptr;
  for (const AddedToken& added : pairs_.added) {
    const bool is_here = added.normalized == normalized && text.substr(place).starts_with(added.content);
    if (is_here && (longest == nullptr || added.content.size() > longest->content.size())) longest = &added;
  }
  return longest;
}

/// The text in pieces: added tokens, and what stands between them.
void BytePairTokenizer::encode_around(std::string_view text, bool normalized, std::vector<int32_t>& tokens) const {
  const auto encode_piece = [&](std::string_view piece) {
    normalized ? encode_words(piece, tokens) : encode_around(piece, true, tokens);
  };
  size_t done = 0;
  for (size_t place = 0; place < text.size();) {
    const AddedToken* added = added_at(text, place, normalized);
    if (added == nullptr) {
      ++place;
      continue;
    }
    require_usage(added->number != AddedToken::no_number, "the text has \"", added->content, "\", for which ",
                  pairs_.source, " has no token");
    const size_t spaces = added->lstrip ? begin_of_spaces_at_end(text.substr(0, place)) : place;
    const size_t begin = std::max(done, spaces);
    if (begin > done) encode_piece(text.substr(done, begin - done));
    tokens.push_back(added->number);
    place += added->content.size();
    done = place + (added->rstrip ? end_of_spaces_at_begin(text.substr(place)) : 0);
  }
  if (done < text.size()) encode_piece(text.substr(done));
}

void BytePairTokenizer::encode_words(std::string_view text, std::vector<int32_t>& tokens) const {
  std::string longer;
  if (pairs_.add_prefix_space && text[0] != ' ') {
    longer = " " + std::string(text);
    text = longer;
  }
  for (const std::string_view word : words_of(text)) encode_word(word, tokens);
}

const BytePairTokenizer::Merge* BytePairTokenizer::merge_of(int32_t left, int32_t right) const {
  const auto found = merges_.find(key_of(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

/// The parts of the word are a linked list, and all pairs of neighbours that merge stand in a queue: n log n steps.
void BytePairTokenizer::encode_word(std::string_view word, std::vector<int32_t>& tokens) const {
  constexpr int32_t gone = -1;
  struct Part {
    int32_t token;
    size_t previous, next;
  };
  std::vector<Part> parts;
  for (const char character : word) {
    const int32_t token = bytes_[static_cast<unsigned char>(character)];
    require_usage(token >= 0, pairs_.source, " has no token for the byte \"",
                  printable_bytes()[static_cast<unsigned char>(character)], "\"");
    parts.push_back({token, parts.size() - 1, parts.size() + 1});
  }
  using Candidate = std::tuple<int32_t, size_t, int32_t>;  // rank, left part, what it becomes: the smallest first
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto merge_at = [&](size_t left) {
    const size_t right = left < parts.size() ? parts[left].next : parts.size();
    return right < parts.size() ? merge_of(parts[left].token, parts[right].token) : nullptr;
  };
  const auto offer = [&](size_t left) {
    if (const Merge* merge = merge_at(left)) queue.emplace(merge->rank, left, merge->token);
  };
  for (size_t i = 0; i < parts.size(); ++i) offer(i);
  for (; !queue.empty();) {
    const auto [rank, left, token] = queue.top();
    queue.pop();
    const Merge* merge = merge_at(left);
    if (parts[left].token == gone || merge == nullptr || merge->rank != rank) continue;  // merged otherwise meanwhile
    Part& right = parts[parts[left].next];
    right.token = gone;
    parts[left] = {token, parts[left].previous, right.next};
    if (right.next < parts.size()) parts[right.next].previous = left;
    offer(parts[left].previous);
    offer(left);
  }
  for (size_t i = 0; i < parts.size(); i = parts[i].next) tokens.push_back(parts[i].token);
}

std::string BytePairTokenizer::decode(const std::vector<int32_t>& tokens) const {
  std::string out;
  for (int32_t token : tokens) {
    if (token >= 0 && token < std::ssize(texts_)) out += texts_[static_cast<size_t>(token)];
  }
  return with_replacements(out);
}

}  // namespace shard
