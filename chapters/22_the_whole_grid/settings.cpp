#include "chapters/22_the_whole_grid/settings.h"

namespace shard::chapter_22 {

void add_options(Options& options, Settings& s) {
  chapter_11::add_options(options, s);
  chapter_10::add_option_layouts(options, s);
  add_options(options, s.switches);
}

/// Many models are trained. The rows are such that 2, 3 and 4 ranks have different numbers of them.
static void choose_small_model(Settings& s, const Options& options) {
  const auto choose = [&](const char* option, int64_t& value, int64_t usual) {
    if (!options.given(option)) value = usual;
  };
  choose("--layers", s.sizes.layers, 2);
  choose("--heads", s.sizes.heads, 12);  // so that 1, 2, 3, 4 and 6 ranks can share them out
  choose("--width", s.sizes.width, 48);
  choose("--context", s.sizes.context, 31);
  choose("--batch", s.training.batch, 13);
  choose("--accumulate", s.training.accumulate, 2);
  choose("--steps", s.training.steps, 3);
  choose("--warmup", s.training.warmup, 1);
  if (!options.given("--dropout")) s.training.dropout = 0.1;
}

void complete(Settings& s, const Options& options) {
  s.training.seed = options.seed;
  chapter_11::require_consistent(s);
  require_consistent(s.switches);
  if (!s.layouts) return;
  for (const char* option : {"--sequence-parallel", "--recompute", "--shard-optimizer"})
    require_usage(!options.given(option), option, " is one of all that --layouts tries");
  require_usage(!chapter_11::uses_checkpoints(s),
                "--layouts trains models that are not saved: without --save, --resume and "
                "--start-from");
  choose_small_model(s, options);
}

}  // namespace shard::chapter_22
