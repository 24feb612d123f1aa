// A text as training data: characters as tokens, and batches.
// CPU only.
#include "common/text/text_data.h"

#include <algorithm>
#include <numeric>

#include "common/text/character_tokenizer.h"
#include "common/text/utf8.h"
#include "tests/test_support.h"

using namespace shard;

TEST_CASE("text is read as UTF-8, and a broken character is named by its byte") {
  const std::vector<char32_t> points = code_points("aé€😀", "here");
  CHECK(points == std::vector<char32_t>{U'a', U'é', U'€', U'😀'});
  for (const char* broken :
       {"ab\xc3", "ab\xe2\x82", "ab\x80", "ab\xc0\x80", "ab\xed\xa0\x80", "ab\xf4\x90\x80\x80"}) {
    const std::string message = message_of<UsageError>([&] { code_points(broken, "here"); });
    CAPTURE(message);
    CHECK(contains(message, "here: the character at byte 2"));
  }
}

TEST_CASE("tokens are the text's different characters in order, and lead back to it") {
  const std::string text = "to be — or not to be, 日本";
  const std::vector<char32_t> points = code_points(text, "here");
  const CharacterTokenizer tokenizer(points);
  const std::vector<int32_t> tokens = tokenizer.encode(points);
  CHECK(tokenizer.vocabulary() == 11);  // ␣ , b e n o r t — 日 本
  CHECK(tokens[2] == 0);                // the space is the smallest code point
  CHECK(tokenizer.decode(tokens) == text);
  CHECK(contains(message_of([&] { tokenizer.encode("x"); }), "U+78"));
}

TEST_CASE("a batch is a function of seed, step and sequence, and targets follow their tokens") {
  std::vector<int32_t> tokens(1000);
  std::iota(tokens.begin(), tokens.end(), 0);
  const TextData data(tokens, 0.2, 16);
  CHECK(data.training_tokens() == 800);
  const TextData::Sequences whole = data.training(7, 3, {0, 5}), part = data.training(7, 3, {2, 4});
  REQUIRE(whole.tokens.size() == 5 * 16);
  CHECK(std::equal(part.tokens.begin(), part.tokens.end(), whole.tokens.begin() + 2 * 16));
  for (size_t i = 0; i < whole.tokens.size(); ++i) {
    CHECK(whole.targets[i] == whole.tokens[i] + 1);
    CHECK(whole.targets[i] < 800);  // never from the validation text
  }
  CHECK(data.training(7, 4, {0, 5}).tokens != whole.tokens);
  CHECK(data.training(8, 3, {0, 5}).tokens != whole.tokens);
}

TEST_CASE("validation windows do not overlap and stay in the validation text") {
  std::vector<int32_t> tokens(1000);
  std::iota(tokens.begin(), tokens.end(), 0);
  const TextData data(tokens, 0.2, 16);
  CHECK(data.validation_windows() == 12);  // (200 - 1) / 16
  const TextData::Sequences all = data.validation(12, {0, 12});
  CHECK(all.tokens.front() == 800);
  for (size_t i = 1; i < all.tokens.size(); ++i) CHECK(all.tokens[i] == all.tokens[i - 1] + 1);
  CHECK(data.validation(3, {0, 3}).tokens[16] == 800 + 4 * 16);  // three of twelve, spread evenly
}

TEST_CASE("a text shorter than a context and its targets is refused with both numbers") {
  const std::vector<int32_t> tokens(16, 0);
  const std::string message = message_of<UsageError>([&] { TextData(tokens, 0.0, 16); });
  CHECK(contains(message, "16 tokens; --context 16 needs at least 17"));
  CHECK(contains(message_of<UsageError>([&] { TextData(std::vector<int32_t>(100, 0), 0.1, 16); }),
                 "keeps 10"));
  CHECK(contains(message_of<UsageError>([] { read_text("/no/such/file"); }),
                 "/no/such/file: there is no such file"));
}
