#include "chapters/16_fully_sharded/settings.h"

namespace shard::chapter_16 {

Settings::Settings() {
  sizes = {.context = 32, .width = 48, .heads = 12, .layers = 6};
  training.batch = 12;
  training.accumulate = 3;
  training.steps = 4;
  training.warmup = 2;
  training.clip = 0;  // the norm is added up in another order: its last bit may differ
}

void add_options(Options& options, Settings& s) {
  options.group("Grid");
  options.size("--tp", s.tp, "tensor-parallel ranks; 0: one", 0, 1 << 20);
  options.size("--shard-ranks", s.shard_ranks,
               "data-parallel ranks that share one copy where hybrid sharding is shown; 0: about "
               "half of them",
               0, 1 << 20);
  options.size("--unit-blocks", s.unit_blocks, "transformer blocks in a unit", 1, 1000);
  options.group("Model");
  options.size("--layers", s.sizes.layers, "transformer blocks", 1, 1000);
  options.size("--heads", s.sizes.heads, "attention heads", 1, 1 << 16);
  options.size("--width", s.sizes.width, "width of the model", 1, 1 << 20);
  options.size("--context", s.sizes.context, "tokens that the model sees at once", 1, 1 << 20);
  options.group("Training");
  options.size("--batch", s.training.batch, "sequences a step, of all ranks together", 1, 1 << 20);
  options.size("--accumulate", s.training.accumulate,
               "micro-batches a step where accumulation is shown", 1, 1 << 20);
  options.size("--steps", s.training.steps, "training steps", 1, 1 << 20);
}

/// The largest proper divisor of the ranks.
static int64_t half_of(int64_t ranks) {
  for (int64_t divisor = ranks / 2; divisor > 1; --divisor)
    if (ranks % divisor == 0) return divisor;
  return 1;
}

void complete(Settings& s, Runtime& runtime) {
  if (s.tp == 0) s.tp = 1;
  chapter_10::complete(s, runtime);
  if (s.shard_ranks == 0) s.shard_ranks = half_of(s.dp);
  require_usage(s.dp % s.shard_ranks == 0, "--shard-ranks ", s.shard_ranks, " does not divide the ",
                s.dp, " data-parallel ranks");
  require_usage(s.unit_blocks <= s.sizes.layers, "--unit-blocks ", s.unit_blocks,
                " is more than --layers ", s.sizes.layers);
}

}  // namespace shard::chapter_16
