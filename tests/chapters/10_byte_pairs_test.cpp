// BytePairTokenizer: GPT-2's tokenizer, with a vocabulary of our own that is small enough to follow by hand.
#include <nlohmann/json.hpp>

#include "chapters/10_tensor_and_data_parallel/byte_pair_files.h"
#include "chapters/10_tensor_and_data_parallel/utf8.h"
#include "tests/support_files.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

/// Every single byte as GPT-2 writes it, then what the merges make.
struct Vocabulary {
  TemporaryFolder folder;
  std::vector<std::string> tokens;

  explicit Vocabulary(const std::vector<std::pair<std::string, std::string>>& merges) {
    for (char32_t point = '!'; point <= 0x143; ++point) {
      const bool is_a_byte = point <= '~' || (point >= 0xA1 && point <= 0xAC) || (point >= 0xAE && point <= 0xFF);
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

const std::string space = "Ġ";  // how GPT-2 writes it

}  // namespace

TEST_CASE("byte pairs: the pair that was learnt first is merged first, within words only") {
  const Vocabulary vocabulary({{"l", "o"}, {"lo", "w"}, {"e", "r"}, {space, "low"}, {"w", "er"}, {"o", "w"}});
  CHECK(vocabulary.tokenizer().vocabulary() == 256 + 6);
  CHECK(vocabulary.cut("low") == "low");
  CHECK(vocabulary.cut("lower") == "low|er");  // l+o before o+w and w+er
  CHECK(vocabulary.cut("ower") == "o|wer");    // e+r, then w+er, which was learnt before o+w
  CHECK(vocabulary.cut("low low") == "low|" + space + "low");
  CHECK(vocabulary.cut("l ow") == "l|" + space + "|ow");  // a merge does not cross words
  CHECK(vocabulary.cut("").empty());
}

TEST_CASE("byte pairs: words are English endings, letters, digits, signs and spaces") {
  const Vocabulary vocabulary(
      {{"'", "s"}, {"'", "l"}, {"'l", "l"}, {"t", "'"}, {"a", "1"}, {"1", "!"}, {space, space}, {space, "b"}});
  CHECK(vocabulary.cut("it's") == "i|t|'s");                                   // not t'
  CHECK(vocabulary.cut("we'll") == "w|e|'ll");                                 //
  CHECK(vocabulary.cut("a1!") == "a|1|!");                                     // neither a1 nor 1!
  CHECK(vocabulary.cut("a   b") == "a|" + space + space + "|" + space + "b");  // the last space belongs to the word
  CHECK(vocabulary.cut("a  ") == "a|" + space + space);
  CHECK(vocabulary.cut("é1") == "Ã|©|1");  // a letter by Unicode, two bytes
}

TEST_CASE("byte pairs: every text comes back") {
  const Vocabulary vocabulary({{"t", "h"}, {"th", "e"}, {space, "the"}, {"ã", "ģ"}});
  const BytePairTokenizer tokenizer = vocabulary.tokenizer();
  std::string every_ascii;
  for (char c = 0; c < 127; ++c) every_ascii += c;
  for (const std::string& text :
       {std::string("the  the\n\n\tthe don't 1234 ... "), std::string("naïve — 日本語 😀 e\u0301"), every_ascii,
        std::string("\r\n \u00a0 \u3000 end")}) {
    CAPTURE(text);
    CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
  }
}

TEST_CASE("byte pairs: a text that is no UTF-8 and files that are no tokenizer are refused") {
  const Vocabulary vocabulary({});
  const std::filesystem::path& folder = vocabulary.folder.path();
  CHECK(contains(message_of<UsageError>([&] { vocabulary.tokenizer().encode("ab\xc3"); }),
                 "is not UTF-8 at byte 2 of 3"));
  const auto refusal = [&](const std::string& content) {
    write_file(folder / "vocab.json", content);
    return message_of<UsageError>([&] { read_byte_pairs(folder); });
  };
  CHECK(contains(refusal("{\"a\": 0"), "vocab.json is no JSON"));
  CHECK(contains(refusal("[1, 2]"), "vocab.json is no vocabulary"));
  CHECK(contains(refusal("{\"a\": \"b\"}"), "the number \"b\" stands twice or leaves a hole"));
  CHECK(contains(refusal("{\"a\": 0, \"b\": 2}"), "leaves a hole"));
  CHECK(contains(refusal("{\"a\": 0, \"b\": 0}"), "stands twice"));
  CHECK(contains(refusal("{\"a\": -1}"), "leaves a hole"));
  CHECK(contains(refusal("{\"a\": 4294967296}"), "leaves a hole"));
  CHECK(contains(refusal("{\"a\": 0.5}"), "leaves a hole"));
  write_file(folder / "vocab.json", "{\"a\": 0}");
  CHECK(
      contains(message_of<UsageError>([&] { vocabulary.tokenizer().encode("b"); }), "has no token for the byte \"b\""));
  std::filesystem::remove(folder / "merges.txt");
  CHECK(contains(message_of<UsageError>([&] { read_byte_pairs(folder); }), "there is no tokenizer in "));
}
