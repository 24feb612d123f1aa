// Byte pairs learnt from a text.
// Ranks: 1. CPU only.
// CPU only.
#include "common/text/byte_pair_training.h"

#include "common/text/text_data.h"
#include "tests/common/byte_pair_support.h"
#include "tests/test_support.h"

using namespace shard;

TEST_CASE(
    "learning byte pairs: the most frequent pair first, of equally frequent ones that of smaller "
    "numbers") {
  const BytePairs learnt = learn_byte_pairs("low low low lowest newest wider", 257 + 5);
  // lo 4, ow 4, Ġl 3, es 2, st 2, we 2, …; then low 4; Ġlow 3; est 2; …
  CHECK(learnt.merges == Merges{{"l", "o"}, {"lo", "w"}, {"Ġ", "low"}, {"e", "s"}, {"es", "t"}});
  CHECK(std::ssize(learnt.tokens) == 262);
  CHECK(learnt.tokens[256] == "lo");
  CHECK(learnt.tokens[261] == "<|endoftext|>");
  CHECK(BytePairTokenizer(learnt).end_of_text() == 261);
}

TEST_CASE("learning byte pairs: pairs that overlap, and one token by two ways") {
  CHECK(learn_byte_pairs("aaaa aaaa", 257 + 2).merges == Merges{{"a", "a"}, {"aa", "aa"}});
  // abc is learnt as ab + c, and where ab was not merged, as a + bc: no token twice
  const BytePairs learnt =
      learn_byte_pairs("xab xab xab abc abc abc bc bc bc bc bc bc xabc xabc", 257 + 6);
  std::vector<std::string> tokens = learnt.tokens;
  std::sort(tokens.begin(), tokens.end());
  CHECK(std::unique(tokens.begin(), tokens.end()) == tokens.end());
}

TEST_CASE("learning byte pairs: no more than the text has twice") {
  CHECK(contains(message_of<UsageError>([] { learn_byte_pairs("ab ab cd", 300); }),
                 "--vocabulary 300: the text has byte pairs for only 258 tokens"));
  CHECK(learn_byte_pairs("ab ab cd", 258).merges == Merges{{"a", "b"}});
  CHECK(learn_byte_pairs("", 257).merges.empty());
}

TEST_CASE("learning byte pairs: any text comes back, byte by byte, also from the files") {
  std::string all = "\uFEFFa text\r\nof Windows\rand others\n\n";
  all += '\0';
  all += " naïve — 日本語 😀😀 e\u0301 <|endoftext|> \u00a0\u3000 the the the then ";
  for (char32_t point = 1; point < 0x3000; point += 7) append_utf8(all, point);
  all += all;
  const BytePairTokenizer tokenizer(learn_byte_pairs(all, 400));
  CHECK(tokenizer.vocabulary() == 400);
  CHECK(tokenizer.decode(tokenizer.encode(all)) == all);
  TemporaryFolder folder;
  for (const auto& [name, content] : tokenizer.files()) write_file(folder.path() / name, content);
  const BytePairTokenizer read(read_byte_pairs(folder.path()));
  CHECK(read.encode(all) == tokenizer.encode(all));
  CHECK(read.vocabulary() == 400);
  CHECK(read.end_of_text() == 399);
  CHECK(read.files() == tokenizer.files());
}

TEST_CASE("texts are read as they are: byte order mark, line ends of Windows, zero bytes") {
  const std::string all = std::string(
                              "\xEF\xBB\xBF"
                              "one\r\ntwo\rthree\n\0 four ",
                              27) +
                          "five one two five one two";
  TemporaryFolder folder;
  write_file(folder.path() / "text", all);
  CHECK(read_text((folder.path() / "text").string()) == all);
  for (const int64_t vocabulary : {0, 260}) {
    const auto tokenizer = tokenizer_of(all, "the text", vocabulary, {});
    CHECK(tokenizer->decode(tokenizer->encode(all)) == all);
    CHECK(tokenizer->unit() == (vocabulary == 0 ? "characters" : "tokens"));
  }
}
