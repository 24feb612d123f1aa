#include "chapters/12_generation/generate.h"

#include <algorithm>

#include "chapters/12_generation/cached_sampling.h"
#include "chapters/12_generation/memory_speed.h"
#include "common/base/counted.h"

namespace shard::chapter_12 {
namespace {

void describe(Report& report, const std::string& name, const Pretrained& pretrained,
              int64_t parameters, const std::vector<Text>& texts) {
  const GptSizes& sizes = pretrained.sizes;
  size_t tokens = 0;
  for (const Text& text : texts) tokens += text.tokens.size();
  report.line(text("  ", name, ": ", counted(sizes.layers, "layer"), ", ",
                   counted(sizes.heads, "head"), ", width ", sizes.width, ", ", parameters,
                   " parameters; ", counted(texts.size(), "text"), " from ",
                   counted(tokens, "token")));
  if (pretrained.padding() == 0) return;
  report.line(text("  ", sizes.vocabulary, " rows for ", pretrained.tokenizer->vocabulary(),
                   " tokens: the last ", pretrained.padding(), " are padding and never written"));
}

}  // namespace

void require_even_heads(int64_t heads, int ranks) {
  require_usage(heads % ranks == 0, "the model's ", counted(heads, "head"),
                " cannot be divided among ", counted(ranks, "rank"));
}

/// The texts as they begin: of each prompt as many as --sequences says, each with draws of its own.
static std::vector<Text> texts_of(const Settings& s, const Tokenizer& tokenizer, uint64_t seed) {
  std::vector<Text> texts;
  for (const std::string& prompt : prompts_of(s)) {
    const std::vector<int32_t> tokens = tokenizer.encode(prompt);
    for (int64_t i = 0; i < s.sequences; ++i)
      texts.push_back({tokens, {seed, stream_of("generate", texts.size())}});
  }
  return texts;
}

void generate(Runtime& runtime, Report& report, const Settings& s, const Pretrained& pretrained) {
  Communicator& world = runtime.world();
  require_even_heads(pretrained.sizes.heads, world.size());
  const Tokenizer& tokenizer = *pretrained.tokenizer;
  std::vector<Text> texts = texts_of(s, tokenizer, runtime.options().seed);
  const std::vector<Text> prompts = texts;
  require_memory(cache_bytes(pretrained.sizes, texts, s.generate),
                 text("keys and values of ", counted(texts.size(), "text")));

  Gpt model(world, pretrained.sizes, {0, 0.0f, 0.0f});
  pretrained.weights.load(model.parameters(), s.allow_nan);
  describe(report, s.weights.empty() ? "the small model" : pretrained.weights.path().string(),
           pretrained, model.parameter_count(), prompts);
  const double limit_before = memory_limit(world, model);
  const WritingTimes times = write_texts(model, world, texts, s.generate,
                                         {.temperature = s.temperature,
                                          .tokens = tokenizer.vocabulary(),
                                          .end_of_text = pretrained.end_of_text});
  std::string all;
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::vector<int32_t>& tokens = texts[i].tokens;
    all +=
        "\n" + (texts.size() > 1 ? text("[", i + 1, "] ") : "") + tokenizer.decode(tokens) + "\n";
    const int64_t written = std::ssize(tokens) - std::ssize(prompts[i].tokens);
    if (written > 0 && std::ranges::count(pretrained.end_of_text, tokens.back()) > 0) {
      all += text("  ended after ", written, " of ", s.generate, " tokens: token ", tokens.back(),
                  " is the end of text\n");
    }
    report.result(i == 0 ? "tokens" : text("tokens_", i + 1),
                  std::vector<double>(tokens.begin(), tokens.end()));
  }
  report.line(all);
  report_speed(world, report, model, times, (limit_before + memory_limit(world, model)) / 2);
  const auto of_ranks = world.gather_text(all);
  report.check("all ranks generated the same text",
               std::count(of_ranks.begin(), of_ranks.end(), all) == std::ssize(of_ranks));
}

}  // namespace shard::chapter_12
