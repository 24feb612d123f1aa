#include "chapters/10_tensor_and_data_parallel/generate.h"

#include <algorithm>

#include "chapters/10_tensor_and_data_parallel/pretrained.h"
#include "chapters/10_tensor_and_data_parallel/sampling.h"
#include "common/base/clock.h"

namespace shard {

void generate(Runtime& runtime, Report& report, Settings& s) {
  complete_grid(s, runtime.world().size());
  require_usage(s.save.empty() && s.resume.empty() && s.start_from.empty() && !s.layouts,
                "--weights writes text instead of training: it takes no --save, --resume, "
                "--start-from or --layouts");
  require_usage(s.dp == 1, "--weights: one text needs one model: --dp ", s.dp, " must be 1");
  const Pretrained pretrained(s.weights);
  s.sizes = pretrained.sizes;
  require_usage(s.sizes.heads % s.tp == 0, "the model's ", s.sizes.heads,
                " heads cannot be shared out over --tp ", s.tp);
  const Tokenizer& tokenizer = *pretrained.tokenizer;
  const std::vector<int32_t> prompt = tokenizer.encode(s.prompt);
  require_usage(!prompt.empty(), "--prompt is empty: there is nothing to go on from");

  Gpt model(runtime.world(), s.sizes, {0, 0.0f, 0.0f});
  pretrained.weights.load(model.parameters(), s.allow_nan);
  report.line(text("  ", pretrained.weights.path().string(), ": ", s.sizes.layers, " layers, ",
                   s.sizes.heads, " heads, width ", s.sizes.width, ", ", model.parameter_count(),
                   " parameters; prompt of ", prompt.size(), " tokens"));
  if (pretrained.padding() > 0) {
    report.line(text("  ", s.sizes.vocabulary, " rows for ", tokenizer.vocabulary(),
                     " tokens: the last ", pretrained.padding(), " are padding and never written"));
  }
  const double start = now();
  const std::vector<int32_t> tokens =
      sample(model, runtime.world(), prompt, s.generate,
             {runtime.options().seed, stream_of("generate")},
             {s.temperature, tokenizer.vocabulary(), pretrained.end_of_text});
  const double seconds = now() - start;
  const int64_t written = std::ssize(tokens) - std::ssize(prompt);
  report.line("\n" + tokenizer.decode(tokens));
  report.line(text("\n  ", fixed(static_cast<double>(written) / seconds, 1), " tokens/s"));
  if (written > 0 && std::ranges::count(pretrained.end_of_text, tokens.back()) > 0) {
    report.line(text("  ended after ", written, " of ", s.generate, " tokens: token ",
                     tokens.back(), " is the end of text"));
  }
  const auto all = runtime.world().gather_text(tokenizer.decode(tokens));
  report.check("all ranks wrote the same",
               std::count(all.begin(), all.end(), all[0]) == std::ssize(all));
  report.result("tokens", std::vector<double>(tokens.begin(), tokens.end()));
}

}  // namespace shard
