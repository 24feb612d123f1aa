#include "chapters/11_checkpoints/broken_run.h"

#include "chapters/10_tensor_and_data_parallel/picture.h"
#include "chapters/11_checkpoints/checkpoint.h"

namespace shard::chapter_11 {

BrokenRun::BrokenRun(Communicator& ranks, chapter_10::Layout layout, const Settings& settings,
                     const chapter_10::Corpus& corpus)
    : ranks_(ranks),
      settings_(settings),
      corpus_(corpus),
      grid_(ranks, {{"tp", layout.tp}, {"dp", layout.dp}}),
      model_(grid_.tp(), settings.sizes, {settings.training.seed, 0.02f, 0.0f}),
      trainer_(grid_, model_, settings.training) {}

std::vector<double> BrokenRun::steps(Range steps) {
  std::vector<double> losses;
  for (int64_t step = steps.begin; step < steps.end; ++step) {
    const Trainer::Step result = trainer_.step(step, [&](Range range) {
      return chapter_10::training_batch(ranks_.backend(), corpus_.data, settings_.training.seed,
                                        step, range);
    });
    losses.push_back(result.loss);
  }
  return losses;
}

std::string BrokenRun::save(const std::string& directory, int64_t step) {
  const CheckpointInfo info{.step = step,
                            .sizes = settings_.sizes,
                            .settings = settings_.training,
                            .characters = corpus_.tokenizer->characters(),
                            .data = {},
                            .tokenizer_files = corpus_.tokenizer->files()};
  return Checkpoints(ranks_, directory, 1).save(state(), info);
}

void BrokenRun::load(const std::string& checkpoint) {
  load_checkpoint(checkpoint, trainer_.optimizer(), false);
}

void BrokenRun::forget_moments() {
  for (StateTensor& moment : state().moments) fill(moment.part, 0.0f);
}

void BrokenRun::draw(Runtime& runtime, Report& report) {
  chapter_10::draw_grid(runtime, report, grid_, settings_.sizes.heads, settings_.training.batch);
}

int64_t BrokenRun::bytes_written() {
  const TrainingState all = state();
  int64_t bytes = 0;
  for (const auto* tensors : {&all.weights, &all.moments}) {
    for (const StateTensor& tensor : *tensors) {
      if (!tensor.writes) continue;
      tensor.for_each_run([&](int64_t, int64_t, int64_t length) {
        bytes += length * static_cast<int64_t>(sizeof(float));  // padding is not written
      });
    }
  }
  return bytes;
}

}  // namespace shard::chapter_11
