#include "chapters/12_generation/generate.h"

#include <algorithm>

#include "chapters/12_generation/cached_sampling.h"
#include "common/base/clock.h"
#include "common/base/counted.h"

namespace shard::chapter_12 {
namespace {

void describe(Report& report, const std::string& name, const Pretrained& pretrained,
              int64_t parameters, size_t prompt) {
  const GptSizes& sizes = pretrained.sizes;
  report.line(text("  ", name, ": ", counted(sizes.layers, "layer"), ", ",
                   counted(sizes.heads, "head"), ", width ", sizes.width, ", ", parameters,
                   " parameters; prompt of ", counted(prompt, "token")));
  if (pretrained.padding() == 0) return;
  report.line(text("  ", sizes.vocabulary, " rows for ", pretrained.tokenizer->vocabulary(),
                   " tokens: the last ", pretrained.padding(), " are padding and never written"));
}

}  // namespace

void require_even_heads(int64_t heads, int ranks) {
  require_usage(heads % ranks == 0, "the model's ", counted(heads, "head"),
                " cannot be divided among ", counted(ranks, "rank"));
}

void generate(Runtime& runtime, Report& report, const Settings& s, const Pretrained& pretrained) {
  require_even_heads(pretrained.sizes.heads, runtime.world().size());
  const Tokenizer& tokenizer = *pretrained.tokenizer;
  const std::vector<int32_t> prompt = tokenizer.encode(s.prompt);
  require_usage(!prompt.empty(), "--prompt is empty: there is nothing to go on from");

  Gpt model(runtime.world(), pretrained.sizes, {0, 0.0f, 0.0f});
  pretrained.weights.load(model.parameters(), s.allow_nan);
  describe(report, s.weights.empty() ? "the small model" : pretrained.weights.path().string(),
           pretrained, model.parameter_count(), prompt.size());
  const double start = now();
  const std::vector<int32_t> tokens =
      sample_with_cache(model, runtime.world(), prompt, s.generate,
                        {runtime.options().seed, stream_of("generate")},
                        {.temperature = s.temperature,
                         .tokens = tokenizer.vocabulary(),
                         .end_of_text = pretrained.end_of_text});
  const double seconds = now() - start;
  const int64_t written = std::ssize(tokens) - std::ssize(prompt);
  report.line("\n" + tokenizer.decode(tokens));
  report.line(text("\n  ", fixed(static_cast<double>(written) / seconds, 1), " tokens/s"));
  if (written > 0 && std::ranges::count(pretrained.end_of_text, tokens.back()) > 0) {
    report.line(text("  ended after ", written, " of ", s.generate, " tokens: token ",
                     tokens.back(), " is the end of text"));
  }
  const auto all = runtime.world().gather_text(tokenizer.decode(tokens));
  report.check("all ranks generated the same text",
               std::count(all.begin(), all.end(), all[0]) == std::ssize(all));
  report.result("tokens", std::vector<double>(tokens.begin(), tokens.end()));
}

}  // namespace shard::chapter_12
