// Generation: with cached keys and values, results equal those of computing everything again, for
// every number of ranks, and so the same text.
#include <algorithm>

#include "chapters/12_generation/cached_sampling.h"
#include "chapters/12_generation/key_value_cache.h"
#include "chapters/12_generation/memory_speed.h"
#include "tests/test_support.h"

using namespace shard;
using chapter_12::sample_with_cache;
using chapter_12::Text;
using chapter_12::write_texts;

namespace {

const GptSizes sizes{.vocabulary = 13, .context = 10, .width = 24, .heads = 12, .layers = 2};
const Init init{5, 0.3f, 0.3f};
const std::vector<int32_t> text_tokens{4, 0, 12, 7, 7, 3, 11, 1, 9, 5};
const std::vector<std::vector<int64_t>> all_pieces{
    std::vector<int64_t>(10, 1), {10}, {3, 1, 4, 2}, {1, 9}};

std::vector<int32_t> tokens_in(Range range) {
  return {text_tokens.begin() + range.begin, text_tokens.begin() + range.end};
}

/// Texts of different lengths, longer than the context, too, each with draws of its own.
std::vector<Text> some_texts(size_t count) {
  std::vector<Text> texts;
  for (size_t i = 0; i < count; ++i) {
    std::vector<int32_t> prompt = tokens_in({0, 1 + static_cast<int64_t>(i * 3 % 10)});
    if (i % 5 == 4) prompt.insert(prompt.begin(), {8, 8, 2});
    texts.push_back({prompt, {1, i}});
  }
  return texts;
}

/// [rows × 13], without padding.
Matrix whole_rows(const Tensor& logits) {
  const Tensor all = gather_columns(world(), logits, world().size() * logits.columns());
  return Matrix(columns_of(all, {0, 13}));
}

}  // namespace

TEST_CASE(
    "kept keys and values: token after token, in pieces or at once, the logits are those of the "
    "whole text") {
  Gpt model(world(), sizes, init);
  CachedGpt cached(model, 1, 10);
  for (const std::vector<int64_t>& pieces : all_pieces) {
    cached.forget(0);
    for (const int64_t piece : pieces) {
      const int64_t seen = cached.seen(0) + piece;
      const std::vector<int32_t> tokens = tokens_in({cached.seen(0), seen});
      const CachedGpt::NextTokens added{.sequence = 0, .tokens = tokens};
      const std::vector<float> got = last_row(world(), cached.next_logits({&added, 1}), 13);
      Gpt::Kept kept;
      const std::vector<float> expected =
          last_row(world(), model.logits(indices(tokens_in({0, seen})), 1, {}, kept), 13);
      double error = 0;
      for (size_t i = 0; i < got.size(); ++i)
        error = reference::larger(error, std::abs(got[i] - expected[i]));
      CAPTURE(seen);
      CHECK(error < 2e-5);
    }
    CHECK(cached.seen(0) == 10);
  }
}

TEST_CASE("several sequences in one pass: each has the logits that it has alone") {
  Gpt model(world(), sizes, init);
  CachedGpt together(model, 3, 9), apart(model, 3, 9);
  // tokens of sequences 2, 0 and 1: a prompt beside tokens that come alone, and one that rests
  const std::vector<std::vector<Range>> rounds{
      {{0, 4}, {2, 3}, {5, 10}}, {{4, 5}, {3, 7}, {1, 2}}, {{5, 6}, {7, 8}}, {{6, 7}, {8, 9}}};
  for (const std::vector<Range>& round : rounds) {
    std::vector<std::vector<int32_t>> tokens;
    for (const Range& range : round) tokens.push_back(tokens_in(range));
    std::vector<CachedGpt::NextTokens> parts;
    for (size_t i = 0; i < tokens.size(); ++i) parts.push_back({(i + 2) % 3, tokens[i]});
    const Ledger before = world().ledger();
    const Tensor logits = together.next_logits(parts);
    // an all-reduce of the embedding, and two of each block, for all sequences
    if (world().size() > 1) CHECK(world().ledger().since(before).calls() == 5);
    const Matrix got = whole_rows(logits);
    REQUIRE(got.rows == std::ssize(parts));
    for (int64_t i = 0; i < got.rows; ++i) {
      const Matrix alone = whole_rows(apart.next_logits({&parts[static_cast<size_t>(i)], 1}));
      const Matrix mine(tensor(got).slice({i, i + 1}));
      CHECK(reference::relative_error(tensor(mine), alone) < 1e-6);
    }
  }
  CHECK(together.seen(2) == 7);
  together.forget(2);
  CHECK(together.seen(2) == 0);
  CHECK(together.seen(0) == 7);
}

TEST_CASE("what is in the cache behind a sequence's tokens is not used, not even NaN") {
  backend().poison(true);
  ParallelAttention attention(world(), "attn", 24, 12, init, 0.3f);
  KeyValueCache cache = make_cache(attention, 50);
  fill(cache.keys, NAN);
  fill(cache.values, NAN);
  const Tensor x = tensor(random_matrix(7, 24, "x"));
  ParallelAttention::Kept kept;
  const Matrix expected(attention.forward(x, 1, {}, kept));
  for (const Range rows : {Range{0, 5}, {5, 6}, {6, 7}}) {
    const NextRows part{.rows = {0, rows.size()}, .cache = &cache};
    const Tensor y = forward_next(attention, x.slice(rows), {&part, 1});
    const Matrix wanted(tensor(expected).slice(rows));
    CHECK(reference::relative_error(y, wanted) < 1e-5);
  }
  backend().poison(false);
}

TEST_CASE("kept keys and values of one attention: every new row is the whole sequence's") {
  ParallelAttention attention(world(), "attn", 24, 12, init, 0.3f);
  const Tensor x = tensor(random_matrix(10, 24, "x"));
  ParallelAttention::Kept kept;
  const Matrix expected(attention.forward(x, 1, {}, kept));
  for (const std::vector<int64_t>& pieces : all_pieces) {
    KeyValueCache cache = make_cache(attention, 10);
    CHECK(cache.keys.shape() == Shape{12 / world().size(), 10, 2});
    for (const int64_t piece : pieces) {
      const Range rows{cache.seen, cache.seen + piece};
      const Ledger before = world().ledger();
      const NextRows part{.rows = {0, piece}, .cache = &cache};
      const Tensor got = forward_next(attention, x.slice(rows), {&part, 1});
      const Ledger sent = world().ledger().since(before);
      CHECK(sent.calls() == 1);  // an all-reduce of the new rows
      CHECK(sent.bytes() == piece * 24 * 4);
      const Tensor wanted = tensor(expected).slice(rows);
      CHECK(reference::relative_error(got, Matrix(wanted)) < 1e-5);
    }
  }
}

TEST_CASE("more tokens than there is room for do not fit the cache, and change nothing") {
  Gpt model(alone(), sizes, init);
  CachedGpt cached(model, 2, 10);
  const std::vector<int32_t> one{1};
  const std::vector<CachedGpt::NextTokens> full{{1, text_tokens}}, both{{0, one}, {1, one}};
  cached.next_logits(full);
  const std::string message = message_of([&] { cached.next_logits(both); });
  CHECK(contains(message, "the cache has room for 10 tokens, not for 11"));
  CHECK(cached.seen(0) == 0);
  CHECK_THROWS_AS(CachedGpt(model, 1, 11), Error);
  ParallelAttention attention(alone(), "attn", 24, 12, init, 0.3f);
  KeyValueCache empty = make_cache(attention, 4), cache = make_cache(attention, 4);
  const Tensor x = tensor(random_matrix(6, 24, "x"));
  const std::vector<NextRows> parts{{{0, 1}, &empty}, {{1, 6}, &cache}};
  CHECK_THROWS_AS(forward_next(attention, x, parts), Error);
  CHECK(empty.seen == 0);
}

TEST_CASE("a stage of a model cannot write text") {
  const GptStage stage{.layers = {0, 1}, .embedding = true, .head = false};
  const Gpt model(alone(), sizes, init, stage);
  CHECK_THROWS_AS(CachedGpt(model, 1, 10), Error);
}

TEST_CASE("every number of ranks writes what one rank writes, past the end of the context, too") {
  Gpt split(world(), sizes, init), whole(alone(), sizes, init);
  for (const double temperature : {0.0, 0.8}) {
    const SamplingSettings settings{.temperature = temperature};
    for (const std::vector<int32_t>& prompt : {std::vector<int32_t>{4}, text_tokens}) {
      const RandomStream random{1, 2};
      const auto expected = sample_with_cache(whole, alone(), prompt, 30, random, settings);
      CHECK(sample_with_cache(split, world(), prompt, 30, random, settings) == expected);
      CHECK(sample(split, world(), prompt, 30, random, settings) ==
            sample(whole, alone(), prompt, 30, random, settings));
    }
  }
}

TEST_CASE("with the cache and without, the text is the same until the context is full") {
  Gpt model(world(), sizes, init);
  for (const double temperature : {0.0, 0.8, 3.0}) {
    const SamplingSettings settings{.temperature = temperature};
    for (const int64_t prompt : {1, 4, 10}) {
      const std::vector<int32_t> begin = tokens_in({0, prompt});
      const int64_t count = 11 - prompt;
      const auto text = sample_with_cache(model, world(), begin, count, {1, 2}, settings);
      CHECK(std::ssize(text) == 11);
      CHECK(text == sample(model, world(), begin, count, {1, 2}, settings));
    }
  }
}

TEST_CASE("of a prompt longer than the context, the model sees the end") {
  Gpt model(world(), sizes, init);
  std::vector<int32_t> prompt = text_tokens;
  prompt.insert(prompt.begin(), {8, 8, 2});
  const SamplingSettings settings{.temperature = 0.8};
  const int32_t next = sample(model, world(), text_tokens, 1, {1, 2}, settings).back();
  CHECK(sample(model, world(), prompt, 1, {1, 2}, settings).back() == next);
  CHECK(sample_with_cache(model, world(), prompt, 1, {1, 2}, settings).back() == next);
}

TEST_CASE(
    "the most probable token is written at temperature 0, as if all that the model sees were "
    "computed each time") {
  Gpt model(alone(), sizes, init);
  for (const bool with_cache : {true, false}) {
    std::vector<int32_t> text{4};
    std::ptrdiff_t begin = 0, seen = 0;
    for (int i = 0; i < 25; ++i) {
      if (!with_cache) begin = std::max<std::ptrdiff_t>(0, std::ssize(text) - sizes.context);
      if (with_cache && seen == sizes.context)
        begin = std::ssize(text) - sizes.context / 2;  // full: it goes on from the last half
      const std::vector<int32_t> window(text.begin() + begin, text.end());
      seen = std::ssize(window);
      Gpt::Kept kept;
      const std::vector<float> logits =
          last_row(alone(), model.logits(indices(window), 1, {}, kept), 13);
      text.push_back(
          static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    }
    const SamplingSettings settings{.temperature = 0};
    CHECK((with_cache ? sample_with_cache(model, alone(), {4}, 25, {1, 2}, settings)
                      : sample(model, alone(), {4}, 25, {1, 2}, settings)) == text);
  }
}

TEST_CASE("a text ends behind the first end of text that is drawn, on every number of ranks") {
  Gpt split(world(), sizes, init);
  const std::vector<int32_t> endless = sample_with_cache(split, world(), text_tokens, 30, {1, 2});
  const auto begin = endless.begin() + std::ssize(text_tokens);
  for (const std::vector<int64_t>& ends :
       {std::vector<int64_t>{begin[7]}, {begin[9], begin[4]}, {13, 50256, -1}, {}}) {
    const auto end = std::find_if(begin, endless.end(), [&](int32_t token) {
      return std::ranges::count(ends, token) > 0;
    });
    const std::vector<int32_t> expected(endless.begin(), end == endless.end() ? end : end + 1);
    const SamplingSettings settings{.end_of_text = ends};
    CHECK(sample_with_cache(split, world(), text_tokens, 30, {1, 2}, settings) == expected);
  }
}

TEST_CASE(
    "a text depends neither on the others nor on the number of ranks: of several lengths, past the "
    "context, and where others end") {
  Gpt split(world(), sizes, init), whole(alone(), sizes, init);
  for (const double temperature : {0.0, 1.5}) {
    const SamplingSettings settings{.temperature = temperature, .end_of_text = {6}};
    for (const size_t count : {2, 7, 40}) {  // 40: more than are written at once
      std::vector<Text> texts = some_texts(count);
      const std::vector<Text> prompts = texts;
      write_texts(split, world(), texts, 25, settings);
      bool some_end = false, some_do_not = false;
      for (size_t i = 0; i < count; ++i) {
        const auto& [prompt, random] = prompts[i];
        CHECK(texts[i].tokens == sample_with_cache(whole, alone(), prompt, 25, random, settings));
        const bool ended = texts[i].tokens.size() < prompt.size() + 25;
        (ended ? some_end : some_do_not) = true;
      }
      if (temperature > 0 && count == 40) CHECK((some_end && some_do_not));
    }
  }
}

TEST_CASE("the times of writing count the tokens that passes have seen") {
  Gpt model(world(), sizes, init);
  std::vector<Text> texts{{tokens_in({0, 4}), {1, 1}}, {tokens_in({0, 1}), {1, 2}}};
  const chapter_12::WritingTimes times = write_texts(model, world(), texts, 3);
  CHECK(times.prompt_tokens == 4);  // of the first text: a prompt of one token has nothing at once
  CHECK(times.tokens == 2 + 3);     // that were alone in their texts
  CHECK(times.passes == 3);
  CHECK(times.kept_tokens == (5 + 6) + (1 + 2 + 3));
  CHECK(times.seconds > 0);
  CHECK(times.prompt_seconds > 0);
  CHECK(write_texts(model, world(), texts, 0).passes == 0);
  std::vector<Text> empty{{{}, {1, 1}}};
  CHECK_THROWS_AS(write_texts(model, world(), empty, 3), Error);
}

TEST_CASE("memory is read at some speed, and all weights but the positions are counted") {
  CHECK(chapter_12::read_rate(world(), 1 << 16) > 1e6);
  Gpt model(world(), sizes, init);
  CHECK(chapter_12::memory_limit(world(), model) == 0);  // of so few weights
  // a block: 2 norms, 4 matrices and their biases; and the last norm, and a padded table
  const int64_t block = 4 * 24 + 12 * 24 * 24 + 9 * 24;
  const int64_t table = vocabulary_part(sizes.vocabulary, world()).size() * 24;
  const double bytes = chapter_12::weight_bytes(world(), model);
  CHECK(bytes >= 4.0 * (2 * block + 2 * 24 + table));
  if (world().size() == 1) CHECK(bytes == 4.0 * (2 * block + 2 * 24 + table));
}

TEST_CASE("padding of the vocabulary is never drawn") {
  Gpt split(world(), sizes, init);
  for (const double temperature : {0.0, 5.0}) {
    const SamplingSettings padded{.temperature = temperature, .tokens = 5},
        whole{.temperature = temperature};
    const auto drawn = sample_with_cache(split, world(), {4}, 60, {1, 2}, padded),
               all = sample_with_cache(split, world(), {4}, 60, {1, 2}, whole);
    CHECK(*std::ranges::max_element(drawn) < 5);
    CHECK(*std::ranges::max_element(all) >= 5);
  }
}
