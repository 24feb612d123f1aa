#include "common/text/byte_pairs.h"

#include <algorithm>
#include <queue>
#include <tuple>

#include "common/base/error.h"
#include "common/text/utf8.h"
#include "common/text/words.h"

namespace shard {
namespace {

uint64_t key_of(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

/// The bytes of a token. A token with a character that is not in printable_bytes() represents its
/// own text.
std::string bytes_of(const std::string& token) {
  static const auto bytes = [] {
    std::unordered_map<std::string, char> all;
    for (size_t byte = 0; byte < 256; ++byte)
      all[printable_bytes()[byte]] = static_cast<char>(byte);
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

std::array<std::string, 256> make_printable_bytes() {
  std::array<std::string, 256> characters;
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool itself =
        (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
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
    const int32_t first = number_of(left), second = number_of(right),
                  both = number_of(left + right);
    require_usage(first >= 0 && second >= 0 && both >= 0, pairs_.source, " merges \"", left,
                  "\" and \"", right, "\", but one of them or \"", left, right,
                  "\" is not in its vocabulary");
    // If a pair occurs twice, its last position counts.
    merges_[key_of(first, second)] = {rank++, both};
  }
  learn_added_tokens();
}

void BytePairTokenizer::learn_added_tokens() {
  for (const AddedToken& added : pairs_.added) {
    if (added.number < std::ssize(texts_)) continue;
    require(added.number == std::ssize(texts_), "the added token \"", added.content,
            "\" has number ", added.number, "; the next one is ", texts_.size());
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

/// Encodes the added tokens, and the words between them.
void BytePairTokenizer::encode_around(std::string_view text, bool normalized,
                                      std::vector<int32_t>& tokens) const {
  for (const Piece& piece : pieces_of(text, pairs_.added, normalized)) {
    if (piece.token == nullptr) {
      normalized ? encode_words(piece.text, tokens) : encode_around(piece.text, true, tokens);
    } else {
      require_usage(piece.token->number != AddedToken::no_number, "the text has \"",
                    piece.token->content, "\", for which ", pairs_.source, " has no token");
      tokens.push_back(piece.token->number);
    }
  }
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

/// The parts of the word are a linked list, and all adjacent pairs that can be merged are in a
/// priority queue: O(n log n).
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
  using Candidate = std::tuple<int32_t, size_t, int32_t>;  // rank, left part, resulting token
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
    // One of the two parts may have been merged since.
    if (parts[left].token == gone || merge == nullptr || merge->rank != rank) continue;
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
