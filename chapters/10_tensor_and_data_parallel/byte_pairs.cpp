#include "chapters/10_tensor_and_data_parallel/byte_pairs.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <limits>

#include "chapters/10_tensor_and_data_parallel/json_file.h"
#include "chapters/10_tensor_and_data_parallel/text_data.h"
#include "common/error.h"
#include "common/files.h"

namespace shard {
namespace {

/// GPT-2 writes each byte of a token as one printable character: those that are printable as themselves, the others as
/// U+0100, U+0101, … in their order.
std::array<std::string, 256> printable_bytes() {
  std::array<std::string, 256> characters;
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool itself = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    append_utf8(characters[byte], itself ? byte : next++);
  }
  return characters;
}

const std::array<std::string, 256>& printable() {
  static const std::array<std::string, 256> characters = printable_bytes();
  return characters;
}

/// The words of a text, by the pattern that GPT-2 was trained with: English endings, letters, digits, other characters,
/// each with the space before it, and what is left of spaces.
std::vector<std::string> words_of(const std::string& text) {
  static const char pattern[] = R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  int error = 0;
  PCRE2_SIZE place = 0;
  const std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &error, &place,
                    nullptr),
      pcre2_code_free);
  require(code != nullptr, "the pattern of words does not compile: error ", error, " at ", place);
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create_from_pattern(code.get(), nullptr), pcre2_match_data_free);
  std::vector<std::string> words;
  for (PCRE2_SIZE begin = 0; begin < text.size();) {
    const int found =
        pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), begin, 0, match.get(), nullptr);
    require_usage(found > 0, "the text cannot be cut into words at byte ", begin, ": is it UTF-8?");
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match.get());
    words.push_back(text.substr(range[0], range[1] - range[0]));
    begin = range[1];
  }
  return words;
}

}  // namespace

BytePairTokenizer::BytePairTokenizer(const std::filesystem::path& vocabulary, const std::filesystem::path& merges) {
  const nlohmann::json all = read_json(vocabulary);
  require_usage(all.is_object(), vocabulary.string(), " is no vocabulary: it is not a JSON object");
  tokens_.resize(all.size());
  for (const auto& [token, number] : all.items()) {
    const uint64_t place = number.is_number_unsigned() ? number.get<uint64_t>() : all.size();
    require_usage(place < all.size() && tokens_[place].empty(), vocabulary.string(), ": the number ", shortened(number),
                  " stands twice or leaves a hole");
    tokens_[place] = token;
    numbers_[token] = static_cast<int32_t>(place);
  }
  std::istringstream lines(read_file(merges));
  for (std::string line; std::getline(lines, line);) {
    const size_t space = line.find(' ');
    if (line.starts_with("#version") || space == std::string::npos) continue;
    ranks_.emplace(std::pair(line.substr(0, space), line.substr(space + 1)), static_cast<int>(ranks_.size()));
  }
}

std::vector<int32_t> BytePairTokenizer::encode(const std::string& text) const {
  std::vector<int32_t> tokens;
  for (const std::string& word : words_of(text)) append_tokens(word, tokens);
  return tokens;
}

void BytePairTokenizer::append_tokens(const std::string& word, std::vector<int32_t>& tokens) const {
  std::vector<std::string> parts;
  for (unsigned char byte : word) parts.push_back(printable()[byte]);
  while (parts.size() > 1) {
    size_t best = 0;
    int best_rank = std::numeric_limits<int>::max();
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = ranks_.find({parts[i], parts[i + 1]});
      if (found != ranks_.end() && found->second < best_rank) best_rank = found->second, best = i;
    }
    if (best_rank == std::numeric_limits<int>::max()) break;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  for (const std::string& part : parts) {
    const auto found = numbers_.find(part);
    require_usage(found != numbers_.end(), "the tokenizer has no token for \"", part, "\"");
    tokens.push_back(found->second);
  }
}

std::string BytePairTokenizer::decode(const std::vector<int32_t>& tokens) const {
  std::map<std::string, char> bytes;
  for (size_t byte = 0; byte < 256; ++byte) bytes[printable()[byte]] = static_cast<char>(byte);
  std::string out;
  for (int32_t token : tokens) {
    for (char32_t point : code_points(tokens_.at(static_cast<size_t>(token)), "a token")) {
      std::string character;
      append_utf8(character, point);
      const auto found = bytes.find(character);
      found == bytes.end() ? out += character : out += found->second;
    }
  }
  return out;
}

}  // namespace shard
