// BytePairTokenizer: GPT-2's tokenizer, with a vocabulary of our own that is small enough to follow
// by hand.
// Ranks: 1. CPU only.
// CPU only.
#include <algorithm>
#include <ctime>

#include "common/base/random.h"
#include "common/text/unicode_classes.h"
#include "tests/common/byte_pair_support.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

const std::string space = "Ġ";  // how GPT-2 writes it

}  // namespace

TEST_CASE("byte pairs: the pair that was learnt first is merged first, within words only") {
  const Vocabulary vocabulary(
      {{"l", "o"}, {"lo", "w"}, {"e", "r"}, {space, "low"}, {"w", "er"}, {"o", "w"}});
  CHECK(vocabulary.tokenizer().vocabulary() == 256 + 6);
  CHECK(vocabulary.cut("low") == "low");
  CHECK(vocabulary.cut("lower") == "low|er");  // l+o before o+w and w+er
  CHECK(vocabulary.cut("ower") == "o|wer");    // e+r, then w+er, which was learnt before o+w
  CHECK(vocabulary.cut("low low") == "low|" + space + "low");
  CHECK(vocabulary.cut("l ow") == "l|" + space + "|ow");  // a merge does not cross words
  CHECK(vocabulary.cut("").empty());
}

TEST_CASE("byte pairs: words are English endings, letters, digits, signs and spaces") {
  const Vocabulary vocabulary({{"'", "s"},
                               {"'", "l"},
                               {"'l", "l"},
                               {"t", "'"},
                               {"a", "1"},
                               {"1", "!"},
                               {space, space},
                               {space, "b"}});
  CHECK(vocabulary.cut("it's") == "i|t|'s");    // not t'
  CHECK(vocabulary.cut("we'll") == "w|e|'ll");  //
  CHECK(vocabulary.cut("a1!") == "a|1|!");      // neither a1 nor 1!
  // the last space belongs to the word
  CHECK(vocabulary.cut("a   b") == "a|" + space + space + "|" + space + "b");
  CHECK(vocabulary.cut("a  ") == "a|" + space + space);
  CHECK(vocabulary.cut("é1") == "Ã|©|1");  // a letter by Unicode, two bytes
}

TEST_CASE("byte pairs: every text comes back") {
  const Vocabulary vocabulary({{"t", "h"}, {"th", "e"}, {space, "the"}, {"ã", "ģ"}});
  const BytePairTokenizer tokenizer = vocabulary.tokenizer();
  std::string every_ascii;
  for (char c = 0; c < 127; ++c) every_ascii += c;
  for (const std::string& text :
       {std::string("the  the\n\n\tthe don't 1234 ... "), std::string("naïve — 日本語 😀 e\u0301"),
        every_ascii, std::string("\r\n \u00a0 \u3000 end")}) {
    CAPTURE(text);
    CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
  }
}

TEST_CASE("byte pairs: classes of characters are those of Unicode 16.0 on every system") {
  int64_t count[4] = {};
  for (char32_t point = 0; point < 0x110000; ++point) ++count[static_cast<int>(class_of(point))];
  CHECK(count[static_cast<int>(CharacterClass::letter)] == 141028);
  CHECK(count[static_cast<int>(CharacterClass::number)] == 1911);
  CHECK(count[static_cast<int>(CharacterClass::space)] == 25);
  CHECK(class_of(0x1C89) == CharacterClass::letter);   // of Unicode 16
  CHECK(class_of(0x10D40) == CharacterClass::number);  // of Unicode 16
  CHECK(class_of(0x558) == CharacterClass::other);     // a letter of a later Unicode
  CHECK(class_of(0x85) == CharacterClass::space);
  CHECK(class_of(0x200B) == CharacterClass::other);  // a space of no width is none
  CHECK(class_of(U'½') == CharacterClass::number);
  const Vocabulary vocabulary(
      {{"a", "á"}, {"a", "à"}});  // 0xE1, 0xE0: the first bytes of U+1C89 and U+0B71
  CHECK(vocabulary.cut("a\u1C89").starts_with("aá|"));   // one word
  CHECK(vocabulary.cut("a\u0B72").starts_with("a|à|"));  // a letter and a number
}

/// The definition: as long as any pair merges, the first of those with the smallest rank.
static std::vector<std::string> merged_step_by_step(std::vector<std::string> parts,
                                                    const Merges& merges) {
  for (;;) {
    size_t best = merges.size(), place = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto rank = static_cast<size_t>(
          std::find(merges.begin(), merges.end(), std::pair(parts[i], parts[i + 1])) -
          merges.begin());
      if (rank < best) best = rank, place = i;
    }
    if (best == merges.size()) return parts;
    parts[place] += parts[place + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
}

TEST_CASE("byte pairs: words of any letters are merged as the definition says") {
  const Merges merges{{"aa", "a"},    {"a", "b"},   {"b", "a"},  {"a", "a"},   {"ab", "ab"},
                      {"ba", "b"},    {"aa", "aa"}, {"c", "ab"}, {"aab", "c"}, {"a", "ab"},
                      {"abab", "aa"}, {"b", "b"},   {"c", "c"},  {"cc", "b"}};
  const Vocabulary vocabulary(merges);
  const RandomStream random{7, stream_of("words")};
  for (uint64_t i = 0, number = 0; i < 2000; ++i) {
    std::string word, expected;
    for (uint64_t length = 1 + random.below(24, number++); length > 0; --length) {
      word += static_cast<char>('a' + random.below(3, number++));
    }
    std::vector<std::string> letters;
    for (const char letter : word) letters.emplace_back(1, letter);
    for (const std::string& part : merged_step_by_step(letters, merges))
      expected += (expected.empty() ? "" : "|") + part;
    REQUIRE(vocabulary.cut(word) == expected);
  }
}

TEST_CASE("byte pairs: a word of a million letters takes seconds, not hours") {
  const Vocabulary vocabulary({{"a", "a"}, {"aa", "aa"}, {"aaaa", "aaaa"}, {"b", "a"}, {"a", "b"}});
  const BytePairTokenizer tokenizer = vocabulary.tokenizer();
  std::string word(1000000, 'a');
  for (size_t i = 17; i < word.size(); i += 101) word[i] = 'b';
  const std::clock_t start = std::clock();  // of this process: others on the machine do not count
  const std::vector<int32_t> tokens = tokenizer.encode(word);
  CHECK(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC < 20);
  CHECK(tokenizer.decode(tokens) == word);
  CHECK(tokens.size() < word.size() / 4);
}

TEST_CASE(
    "byte pairs: what is not a whole character is decoded as U+FFFD, an unknown token as nothing") {
  const Vocabulary vocabulary({});
  const BytePairTokenizer tokenizer = vocabulary.tokenizer();
  const auto decoded = [&](const std::string& bytes) {
    std::vector<int32_t> tokens;
    for (const char byte : bytes) {
      const std::string& printed = printable_bytes()[static_cast<unsigned char>(byte)];
      const auto place = std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(), printed);
      tokens.push_back(static_cast<int32_t>(place - vocabulary.tokens.begin()));
    }
    return tokenizer.decode(tokens);
  };
  CHECK(decoded("日") == "日");
  CHECK(decoded("x\xe6\x97") == "x\uFFFD");  // the beginning of a character
  CHECK(decoded("\xe6\x97x") == "\uFFFDx");
  CHECK(decoded("\xff\x80") == "\uFFFD\uFFFD");
  // an overlong form, a surrogate
  CHECK(decoded("\xe0\x80\xed\xa0") == "\uFFFD\uFFFD\uFFFD\uFFFD");
  CHECK(decoded("\xf4\x8f\xbf\xbf") == "\U0010FFFF");
  CHECK(tokenizer.decode({0, -1, 256, 300, 1}) == "!\"");
}

TEST_CASE("byte pairs: a text that is no UTF-8 and files that are no tokenizer are refused") {
  const Vocabulary vocabulary({});
  const std::filesystem::path& folder = vocabulary.folder.path();
  CHECK(contains(message_of<UsageError>([&] { vocabulary.tokenizer().encode("ab\xc3"); }),
                 "is not valid UTF-8 at byte 2 of 3"));
  const auto refusal = [&](const std::string& content) {
    write_file(folder / "vocab.json", content);
    return message_of<UsageError>([&] { read_byte_pairs(folder); });
  };
  CHECK(contains(refusal("{\"a\": 0"), "vocab.json is not valid JSON"));
  CHECK(contains(refusal("[1, 2]"), "vocab.json is not a vocabulary"));
  CHECK(contains(refusal("{\"a\": \"b\"}"), "the number \"b\" occurs twice or leaves a gap"));
  CHECK(contains(refusal("{\"a\": 0, \"b\": 2}"), "leaves a gap"));
  CHECK(contains(refusal("{\"a\": 0, \"b\": 0}"), "occurs twice"));
  CHECK(contains(refusal("{\"a\": -1}"), "leaves a gap"));
  CHECK(contains(refusal("{\"a\": 4294967296}"), "leaves a gap"));
  CHECK(contains(refusal("{\"a\": 0.5}"), "leaves a gap"));
  write_file(folder / "vocab.json", "{\"a\": 0}");
  CHECK(contains(message_of<UsageError>([&] { vocabulary.tokenizer().encode("b"); }),
                 "has no token for the byte \"b\""));
  std::filesystem::remove(folder / "merges.txt");
  CHECK(contains(message_of<UsageError>([&] { read_byte_pairs(folder); }),
                 "there is no tokenizer in "));
}
