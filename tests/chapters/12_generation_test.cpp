// Generation: with cached keys and values, results equal those of computing everything again, for
// every number of ranks, and so the same text.
#include <algorithm>

#include "chapters/12_generation/cached_sampling.h"
#include "chapters/12_generation/key_value_cache.h"
#include "tests/test_support.h"

using namespace shard;
using chapter_12::sample_with_cache;

namespace {

const GptSizes sizes{.vocabulary = 13, .context = 10, .width = 24, .heads = 12, .layers = 2};
const Init init{5, 0.3f, 0.3f};
const std::vector<int32_t> text_tokens{4, 0, 12, 7, 7, 3, 11, 1, 9, 5};
const std::vector<std::vector<int64_t>> all_pieces{
    std::vector<int64_t>(10, 1), {10}, {3, 1, 4, 2}, {1, 9}};

std::vector<int32_t> tokens_in(Range range) {
  return {text_tokens.begin() + range.begin, text_tokens.begin() + range.end};
}

}  // namespace

TEST_CASE(
    "kept keys and values: token after token, in pieces or at once, the logits are those of the "
    "whole text") {
  Gpt model(world(), sizes, init);
  CachedGpt cached(model);
  for (const std::vector<int64_t>& pieces : all_pieces) {
    cached.forget();
    for (const int64_t piece : pieces) {
      const int64_t seen = cached.seen() + piece;
      const Tensor added = indices(tokens_in({cached.seen(), seen}));
      const std::vector<float> got = last_row(world(), cached.next_logits(added), 13);
      Gpt::Kept kept;
      const std::vector<float> expected =
          last_row(world(), model.logits(indices(tokens_in({0, seen})), 1, {}, kept), 13);
      double error = 0;
      for (size_t i = 0; i < got.size(); ++i)
        error = reference::larger(error, std::abs(got[i] - expected[i]));
      CAPTURE(seen);
      CHECK(error < 2e-5);
    }
    CHECK(cached.seen() == 10);
  }
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
      const Tensor got = forward_next(attention, x.slice(rows), cache);
      const Ledger sent = world().ledger().since(before);
      CHECK(sent.calls() == 1);  // an all-reduce of the new rows
      CHECK(sent.bytes() == piece * 24 * 4);
      const Tensor wanted = tensor(expected).slice(rows);
      CHECK(reference::relative_error(got, Matrix(wanted)) < 1e-5);
    }
  }
}

TEST_CASE("more tokens than the context holds do not fit the cache") {
  Gpt model(alone(), sizes, init);
  CachedGpt cached(model);
  cached.next_logits(indices(text_tokens));
  const std::string message = message_of([&] { cached.next_logits(indices({1})); });
  CHECK(contains(message, "the cache has room for 10 tokens, not for 11"));
  ParallelAttention attention(alone(), "attn", 24, 12, init, 0.3f);
  KeyValueCache cache = make_cache(attention, 4);
  const Tensor x = tensor(random_matrix(5, 24, "x"));
  CHECK_THROWS_AS(forward_next(attention, x, cache), Error);
}

TEST_CASE("a stage of a model cannot write text") {
  const GptStage stage{.layers = {0, 1}, .embedding = true, .head = false};
  const Gpt model(alone(), sizes, init, stage);
  CHECK_THROWS_AS(CachedGpt{model}, Error);
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
