#include "chapters/12_generation/small_model.h"

#include "chapters/10_tensor_and_data_parallel/batches.h"
#include "chapters/10_tensor_and_data_parallel/corpus.h"
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "chapters/11_checkpoints/checkpoint.h"
#include "chapters/11_checkpoints/pretrained.h"
#include "chapters/12_generation/generate.h"
#include "common/base/clock.h"
#include "common/program/progress.h"

namespace shard::chapter_12 {

/// 12 heads, so that 1, 2, 3, 4 and 6 ranks can share them out.
static chapter_10::Settings settings_of(const Settings& s, const Runtime& runtime, int ranks) {
  chapter_10::Settings all;
  all.sizes = {.vocabulary = 0, .context = 32, .width = 48, .heads = 12, .layers = 2};
  all.training.steps = s.steps;
  all.training.learning_rate = 4e-3;
  all.training.seed = runtime.options().seed;
  all.data = s.data;
  all.vocabulary = 300;  // byte pairs, which can write every prompt
  all.tp = 1, all.dp = ranks;
  return all;
}

std::string make_small_model(Runtime& runtime, Report& report, const Settings& settings,
                             const std::string& directory) {
  Communicator& world = runtime.world();
  chapter_10::Settings s = settings_of(settings, runtime, world.size());
  require_even_heads(s.sizes.heads, world.size());
  s.training.batch = std::max<int64_t>(s.training.batch, world.size());
  const chapter_10::Source source = chapter_10::source_of(s);
  const chapter_10::Corpus corpus(source, s);
  report.heading("A small model, made for this run");
  Grid grid(world, {{"dp", world.size()}});
  Gpt model(grid.tp(), s.sizes, {s.training.seed, 0.02f, 0.0f});
  Trainer trainer(grid, model, s.training);
  Progress progress(report, 0, s.training.steps, s.training.batch * s.sizes.context);
  for (int64_t step = 0; step < s.training.steps; ++step) {
    const double start = now();
    const Trainer::Step result = trainer.step(step, [&](Range range) {
      return chapter_10::training_batch(runtime.backend(), corpus.data, s.training.seed, step,
                                        range);
    });
    progress.step(result.loss, now() - start);
  }
  progress.end();
  const CheckpointInfo info{.step = s.training.steps,
                            .sizes = s.sizes,
                            .settings = s.training,
                            .characters = {},
                            .data = fingerprint_of(source.text),
                            .tokenizer_files = corpus.tokenizer->files(),
                            .end_of_text = end_of_text_of("", *corpus.tokenizer)};
  return Checkpoints(world, directory, 1).save(trainer.optimizer().state(), info);
}

}  // namespace shard::chapter_12
