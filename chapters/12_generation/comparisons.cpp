#include "chapters/12_generation/comparisons.h"

#include <algorithm>
#include <cmath>

#include "chapters/12_generation/cached_sampling.h"
#include "chapters/12_generation/key_value_cache.h"
#include "common/base/clock.h"
#include "common/check/reference.h"

namespace shard::chapter_12 {

void compare_ranks(Runtime& runtime, Report& report, const Settings& s,
                   const Pretrained& pretrained) {
  Communicator& world = runtime.world();
  const Tokenizer& tokenizer = *pretrained.tokenizer;
  report.heading("The same text on every number of ranks");
  Table table({"ranks", "heads of each", "all-reduces a token", "tokens/s", "text"});
  const SamplingSettings sampling{.temperature = s.temperature,
                                  .tokens = tokenizer.vocabulary(),
                                  .end_of_text = pretrained.end_of_text};
  std::string expected;
  bool all_same = true;
  for (int used = 1; used <= world.size(); ++used) {
    if (pretrained.sizes.heads % used != 0) continue;
    const auto ranks = world.split(world.rank() < used ? 0 : 1, "text");
    std::string mine;
    double calls = 0, rate = 0;
    if (world.rank() < used) {
      Gpt model(*ranks, pretrained.sizes, {0, 0.0f, 0.0f});
      pretrained.weights.load(model.parameters(), s.allow_nan);
      const Ledger before = ranks->ledger();
      const double start = now();
      const std::vector<int32_t> prompt = tokenizer.encode(prompts_of(s)[0]);
      const std::vector<int32_t> tokens =
          sample_with_cache(model, *ranks, prompt, s.generate,
                            {runtime.options().seed, stream_of("generate")}, sampling);
      const auto written = static_cast<double>(tokens.size() - prompt.size());
      rate = written / (now() - start);
      calls = static_cast<double>(ranks->ledger().since(before).calls(Collective::all_reduce)) /
              written;
      mine = tokenizer.decode(tokens);
    }
    const std::string first = world.gather_text(mine).front();
    if (expected.empty()) expected = first;
    const bool same = world.max_of(world.rank() < used && mine != expected ? 1.0 : 0.0) == 0.0;
    all_same = all_same && same;
    table.row({std::to_string(used), std::to_string(pretrained.sizes.heads / used), fixed(calls, 0),
               fixed(rate, 1), same ? "the same" : "ANOTHER"});
  }
  report.table(table);
  report.check("every number of ranks writes the same text", all_same);
}

/// Whether the text with the cache is chapter 10's, until the context is full.
static bool writes_the_same(Communicator& world, const Settings& s, const Pretrained& pretrained,
                            const Gpt& model, RandomStream random) {
  const std::vector<int32_t> prompt = pretrained.tokenizer->encode(prompts_of(s)[0]);
  const int64_t until_full =
      std::max<int64_t>(1, pretrained.sizes.context + 1 - std::ssize(prompt));
  const SamplingSettings sampling{.temperature = s.temperature,
                                  .tokens = pretrained.tokenizer->vocabulary()};
  return sample(model, world, prompt, until_full, random, sampling) ==
         sample_with_cache(model, world, prompt, until_full, random, sampling);
}

void compare_with_uncached(Runtime& runtime, Report& report, const Settings& s,
                           const Pretrained& pretrained) {
  Communicator& world = runtime.world();
  Gpt model(world, pretrained.sizes, {0, 0.0f, 0.0f});
  pretrained.weights.load(model.parameters(), s.allow_nan);
  report.heading(text("Token after token up to the context of ", pretrained.sizes.context,
                      ", with kept keys and values and without"));
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < pretrained.sizes.context; ++i) {
    const RandomStream random{runtime.options().seed, stream_of("tokens")};
    const auto vocabulary = static_cast<uint64_t>(pretrained.tokenizer->vocabulary());
    tokens.push_back(static_cast<int32_t>(random.below(vocabulary, static_cast<uint64_t>(i))));
  }
  const int64_t vocabulary = pretrained.sizes.vocabulary;
  CachedGpt cached(model, 1, pretrained.sizes.context);
  double error = 0, largest = 0, with = 0, without = 0, rows = 0;
  //! [12-cache]
  for (size_t seen = 1; seen <= tokens.size(); ++seen) {
    const std::span<const int32_t> all(tokens.data(), seen);
    const double start = now();
    const CachedGpt::NextTokens added{.sequence = 0, .tokens = all.last(1)};
    const std::vector<float> kept = last_row(world, cached.next_logits({&added, 1}), vocabulary);
    const double middle = now();
    Gpt::Kept unused;
    unused.for_backward = false;
    const Tensor whole = Tensor::from(world.backend(), {std::ssize(all)}, all);
    const std::vector<float> again =
        last_row(world, model.logits(whole, 1, {}, unused), vocabulary);
    with += middle - start;
    without += now() - middle;
    rows += static_cast<double>(seen);
    for (size_t i = 0; i < kept.size(); ++i) {
      error = reference::larger(error, std::abs(double{kept[i]} - again[i]));
      largest = std::max(largest, std::abs(double{again[i]}));
    }
  }
  //! [12-cache]
  const auto count = static_cast<double>(tokens.size());
  Table table({"keys and values", "rows of a product, all together", "tokens/s"});
  table.row({"kept", fixed(count, 0), fixed(count / with, 1)});
  table.row({"computed again", fixed(rows, 0), fixed(count / without, 1)});
  report.table(table);
  report.check("the logits are the same", world.max_of(error / largest), 1e-5);
  report.check("the same text as without the cache, until the context is full",
               writes_the_same(world, s, pretrained, model,
                               {runtime.options().seed, stream_of("generate")}));
}

}  // namespace shard::chapter_12
