// A small GPT in training, with chapter 10's parts or with this chapter's, on any of the ranks.
#pragma once
#include "chapters/15_sharded_optimizer/sharded_step.h"
#include "common/program/runtime.h"
#include "common/text/text_data.h"

namespace shard::chapter_15 {

struct Settings {
  int64_t tp = 1;
  // a vocabulary, and with it parameters, that few numbers of ranks divide
  GptSizes sizes{.vocabulary = 61, .context = 16, .width = 20, .heads = 4, .layers = 2};
  TrainingSettings training;
  std::string precision = "f32";
  static constexpr int64_t bucket_bytes = 8000;  // of the ranges: several, as in a large model
};
void add_options(Options& options, Settings& settings);
/// Throws UsageError for what does not fit the ranks or the device.
void complete(Settings& settings, Runtime& runtime);

/// The parts of chapter 10's step, or in a way of sharding this chapter's.
using Parts = std::optional<Sharding>;
constexpr Parts unsharded = std::nullopt;
std::string name_of(Parts parts);

struct Run {
  Grid grid;
  Gpt model;
  const Settings& settings;
  GradientShards* shards = nullptr;  // unless the parts are chapter 10's
  Trainer trainer;
  TextData data;

  /// A new model on the ranks of `ranks`: --tp times what is left. Collective, as is step.
  Run(Communicator& ranks, const Settings& settings, Parts parts);
  Run(Communicator& ranks, int64_t tp, const Settings& settings, Parts parts);
  Trainer::Step step(int64_t number);

  int64_t data_parallel() const { return grid.size("dp"); }
};

/// ‖got - expected‖ / ‖expected‖ of the worst weight, and of the worst piece of a gradient that
/// this rank has; but K's biases, which softmax ignores: their gradients are rounding noise.
double weights_error(Run& got, Run& expected);
double gradients_error(Run& got, Run& expected);
/// Whether all weights have the same bits.
bool same_weights(Run& got, Run& expected);

/// Whether two ranks' sums, which have one order only, are the same bits here.
bool adds_in_one_order(Runtime& runtime, int64_t data_parallel);
/// Of losses and of weights, in the precision of the settings.
double tolerance_of(const Settings& settings);

}  // namespace shard::chapter_15
