// Chapter 10's parts that are no layers: characters as tokens, batches, the learning rate,
// sampling, the loss curve.
// Ranks: 1.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "chapters/10_tensor_and_data_parallel/layouts.h"
#include "chapters/10_tensor_and_data_parallel/sampling.h"
#include "common/text/character_tokenizer.h"
#include "common/text/text_data.h"
#include "common/text/utf8.h"
#include "tests/support_files.h"
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

TEST_CASE("the learning rate warms up linearly and falls along a half cosine to its minimum") {
  TrainingSettings settings;
  settings.steps = 110;
  settings.warmup = 10;
  settings.learning_rate = 1.0;
  settings.min_learning_rate = 0.2;
  CHECK(learning_rate_at(0, settings) == doctest::Approx(1.0 / 11));
  CHECK(learning_rate_at(9, settings) == doctest::Approx(10.0 / 11));
  CHECK(learning_rate_at(10, settings) == doctest::Approx(1.0));
  CHECK(learning_rate_at(60, settings) == doctest::Approx(0.6));
  CHECK(learning_rate_at(110, settings) == doctest::Approx(0.2));
  CHECK(learning_rate_at(500, settings) == doctest::Approx(0.2));
}

TEST_CASE("layouts: every grid that fits, 1 × 1 first, heads and batch permitting") {
  TrainingSettings settings;
  settings.batch = 2;
  const std::vector<Layout> layouts = layouts_of(4, 2, settings);
  std::vector<std::pair<int, int>> found;
  for (const Layout& layout : layouts) found.emplace_back(layout.tp, layout.dp);
  CHECK(found == std::vector<std::pair<int, int>>{{1, 1}, {2, 1}, {1, 2}, {2, 2}});
}

TEST_CASE("sampling continues the prompt, depends on the stream only, and goes past the context") {
  Gpt model(alone(), {13, 8, 12, 3, 1}, {5, 0.3f, 0.3f});
  const std::vector<int32_t> once = sample(model, alone(), {4, 2}, 20, {1, 2});
  CHECK(once.size() == 22);
  CHECK(once[0] == 4);
  for (int32_t token : once) CHECK((token >= 0 && token < 13));
  CHECK(sample(model, alone(), {4, 2}, 20, {1, 2}) == once);
  CHECK(sample(model, alone(), {4, 2}, 20, {1, 3}) != once);
}

TEST_CASE("with all other logits far below, sampling draws the largest") {
  Gpt model(alone(), {13, 8, 12, 3, 1}, {5, 0.3f, 0.3f});
  Gpt::Kept kept;
  const std::vector<float> logits = model.logits(indices({4}), 1, {}, kept).to_host();
  const auto largest = std::max_element(logits.begin(), logits.begin() + 13) - logits.begin();
  CHECK(sample(model, alone(), {4}, 1, {1, 2}, {1e-4})[1] == largest);
}

TEST_CASE(
    "initial weights: projections are narrower by the root of twice the layers, gains are one") {
  Gpt model(alone(), {50, 8, 48, 3, 2}, {5, 0.02f, 0.0f});
  for (const Parameter* parameter : model.parameters()) {
    CAPTURE(parameter->name);
    const std::vector<float> values = parameter->value.to_host();
    double square = 0;
    for (float value : values) square += double{value} * value / static_cast<double>(values.size());
    const bool projection = parameter->name.ends_with("c_proj.weight");
    if (parameter->is_matrix())
      CHECK(std::sqrt(square) == doctest::Approx(projection ? 0.01 : 0.02).epsilon(0.1));
    const bool gain =
        parameter->name.find("ln_") != std::string::npos && parameter->name.ends_with(".weight");
    if (!parameter->is_matrix()) CHECK(square == doctest::Approx(gain ? 1.0 : 0.0));
  }
}
