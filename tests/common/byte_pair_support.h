// A tokenizer of byte pairs that is small enough to follow by hand.
#pragma once
#include <nlohmann/json.hpp>

#include "common/text/byte_pair_files.h"
#include "common/text/utf8.h"
#include "tests/support_files.h"

namespace shard {

using Merges = std::vector<std::pair<std::string, std::string>>;

/// All single bytes as GPT-2 writes them, then the results of the merges.
struct Vocabulary {
  TemporaryFolder folder;
  std::vector<std::string> tokens;

  explicit Vocabulary(const Merges& merges) {
    for (char32_t point = '!'; point <= 0x143; ++point) {
      const bool is_a_byte =
          point <= '~' || (point >= 0xA1 && point <= 0xAC) || (point >= 0xAE && point <= 0xFF);
      if (!is_a_byte && point < 0x100) continue;
      append_utf8(tokens.emplace_back(), point);
    }
    std::string lines = "#version: 0.2\n";
    for (const auto& [left, right] : merges) {
      tokens.push_back(left + right);
      lines += left + " " + right + "\n";
    }
    nlohmann::json numbers;
    for (size_t i = 0; i < tokens.size(); ++i) numbers[tokens[i]] = i;
    write_file(folder.path() / "vocab.json", numbers.dump());
    write_file(folder.path() / "merges.txt", lines);
  }

  BytePairTokenizer tokenizer() const { return BytePairTokenizer(read_byte_pairs(folder.path())); }

  /// The tokens of a text as GPT-2 writes them, one after the other.
  std::string cut(const std::string& text) const {
    std::string out;
    for (int32_t token : tokenizer().encode(text))
      out += (out.empty() ? "" : "|") + tokens.at(static_cast<size_t>(token));
    return out;
  }
};

}  // namespace shard
