#include "chapters/22_the_whole_grid/settings.h"

#include <algorithm>

namespace shard::chapter_22 {

void add_options(Options& options, Settings& s) {
  chapter_11::add_options(options, s);
  chapter_10::add_option_layouts(options, s);
  add_options(options, s.switches);
  options.group("Groups");
  options.flag(
      "--groups", s.groups,
      "print who is in which group, and train nothing: of any grid, whatever the number of "
      "ranks that run");
}

GridOfGroups grid_of_groups(const Settings& s) {
  const auto ranks = [](int64_t size) { return static_cast<int>(std::max<int64_t>(size, 1)); };
  return {.sizes = {{"tp", ranks(s.tp)},
                    {"cp", ranks(s.switches.cp)},
                    {"pp", ranks(s.switches.pp)},
                    {"dp", ranks(s.dp)}},
          .experts = ranks(s.switches.ep),
          .order = s.switches.order};
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
  if (!s.groups) require_consistent(s.switches);  // groups are shown without experts, too
  s.other_ranks = s.switches.cp * s.switches.pp;
  require_usage(!s.groups || (!s.layouts && options.picture.empty()),
                "--groups trains nothing and draws nothing: without --layouts and --picture");
  if (!s.layouts) return;
  for (const char* option : {"--sequence-parallel", "--recompute", "--shard-optimizer", "--cp",
                             "--pp", "--schedule", "--chunks", "--experts", "--ep", "--order"})
    require_usage(!options.given(option), option, " is one of all that --layouts tries");
  require_usage(!chapter_11::uses_checkpoints(s),
                "--layouts trains models that are not saved: without --save, --resume and "
                "--start-from");
  choose_small_model(s, options);
}

}  // namespace shard::chapter_22
