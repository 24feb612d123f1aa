#include "chapters/15_sharded_optimizer/trial.h"

#include <algorithm>

#include "chapters/10_tensor_and_data_parallel/batches.h"
#include "common/check/reference.h"

namespace shard::chapter_15 {
namespace {

/// Tokens of which small numbers are more frequent: that much can be learnt.
std::vector<int32_t> some_tokens(const Settings& settings) {
  const RandomStream random{settings.training.seed, stream_of("tokens")};
  std::vector<int32_t> tokens;
  for (uint64_t i = 0; i < 4000; ++i) {
    const auto below = static_cast<uint32_t>(settings.sizes.vocabulary);
    tokens.push_back(
        static_cast<int32_t>(std::min(random.below(below, 2 * i), random.below(below, 2 * i + 1))));
  }
  return tokens;
}

StepParts parts_of(Grid& grid, Gpt& model, const Settings& settings, Parts parts) {
  return parts
             ? sharded_parts_of_step(grid, model, settings.training, *parts, Settings::bucket_bytes)
             : parts_of_step(grid, model, settings.training);
}

bool is_noise(const Parameter& parameter) { return parameter.name.ends_with("c_attn.bias"); }

}  // namespace

void add_options(Options& options, Settings& s) {
  s.training.steps = 6;
  s.training.warmup = 2;
  s.training.accumulate = 2;
  s.training.batch = 13;
  s.training.dropout = 0.1;
  options.size("--tp", s.tp, "tensor-parallel ranks; the others are data-parallel", 1, 4096);
  options.size("--layers", s.sizes.layers, "blocks", 1, 1000);
  options.size("--width", s.sizes.width, "columns of the activations", 1, 1 << 16);
  options.size("--heads", s.sizes.heads, "attention heads", 1, 4096);
  options.size("--context", s.sizes.context, "tokens of a sequence", 1, 1 << 16);
  options.size("--batch", s.training.batch, "sequences in a step", 1, 1 << 20);
  options.size("--accumulate", s.training.accumulate, "micro-batches in a step", 1, 1 << 20);
  options.size("--steps", s.training.steps, "training steps", 2, 1000000);
  options.text("--precision", s.precision, "f32, or on a GPU bf16");
}

void complete(Settings& s, Runtime& runtime) {
  s.training.seed = runtime.options().seed;
  s.training.precision = precision_named(s.precision, "--precision");
  const int64_t ranks = runtime.world().size();
  require_usage(ranks % s.tp == 0, "--tp ", s.tp, " does not divide the ", ranks, " ranks");
  require_usage(s.sizes.width % s.sizes.heads == 0, "--width ", s.sizes.width,
                " is not divisible by --heads ", s.sizes.heads);
  require_usage(s.sizes.heads >= s.tp, "--heads ", s.sizes.heads, " are too few for --tp ", s.tp);
  // all ranks are data-parallel where a run is resumed
  require_usage(s.training.batch >= ranks * s.training.accumulate, "--batch ", s.training.batch,
                " has too few sequences for ", ranks, " data-parallel ranks × --accumulate ",
                s.training.accumulate);
  require_usage(s.sizes.context < 1000, "--context ", s.sizes.context,
                " is too long for the 4000 tokens of the data");
  require_usage(runtime.backend().computes_in(type_of(s.training.precision)), "--precision ",
                s.precision, " needs a GPU: the CPU computes in f32");
  const auto width = static_cast<double>(s.sizes.width),
             layers = static_cast<double>(s.sizes.layers);
  const auto rows = static_cast<double>(s.training.batch * s.sizes.context);
  const double weights = 8 * 16.0 * 12.0 * layers * width * width,
               activations = 4.0 * rows * 16 * width * layers;  // of an unsplit model, at least
  require_memory(weights + activations,
                 text("--layers ", s.sizes.layers, " × --width ", s.sizes.width, " × --batch ",
                      s.training.batch, " × --context ", s.sizes.context));
}

std::string name_of(Parts parts) {
  if (!parts) return "chapter 10";
  if (*parts == Sharding::moments) return "ZeRO-1";
  return *parts == Sharding::gradients ? "ZeRO-2" : "ZeRO-2, reduced once";
}

Run::Run(Communicator& ranks, int64_t tp, const Settings& s, Parts parts)
    : grid(ranks, {{"tp", static_cast<int>(tp)}, {"dp", ranks.size() / static_cast<int>(tp)}}),
      model(grid.tp(), s.sizes, {s.training.seed, 0.1f, 0.1f}),
      settings(s),
      trainer(
          grid.dp(),
          [&] {
            StepParts all = parts_of(grid, model, s, parts);
            shards = dynamic_cast<GradientShards*>(all.reduction.get());
            return all;
          }(),
          s.training),
      data(some_tokens(s), 0, s.sizes.context) {}

Run::Run(Communicator& ranks, const Settings& s, Parts parts) : Run(ranks, s.tp, s, parts) {}

Trainer::Step Run::step(int64_t number) {
  return trainer.step(number, [&](Range range) {
    return chapter_10::training_batch(grid.world().backend(), data, settings.training.seed, number,
                                      range);
  });
}

double weights_error(Run& got, Run& expected) {
  double worst = 0;
  const Parameters here = got.model.parameters(), there = expected.model.parameters();
  for (size_t i = 0; i < here.size(); ++i) {
    if (is_noise(*here[i])) continue;
    worst = reference::larger(worst, reference::relative_error(here[i]->value, there[i]->value));
  }
  return worst;
}

double gradients_error(Run& got, Run& expected) {
  const Parameters here = got.model.parameters(), there = expected.model.parameters();
  double worst = 0;
  for (const GradientShards::Bucket& bucket : got.shards->buckets()) {
    for (const FlatPiece& piece : bucket.flat.pieces_of(got.grid.dp().rank())) {
      if (is_noise(*piece.parameter)) continue;
      const auto i = std::ranges::find(here, piece.parameter) - here.begin();
      const Tensor& whole = there[static_cast<size_t>(i)]->gradient;
      worst = reference::larger(
          worst,
          reference::relative_error(bucket.own.slice(piece.place),
                                    whole.reshape({whole.elements()}).slice(piece.elements)));
    }
  }
  return worst;
}

bool same_weights(Run& got, Run& expected) {
  const Parameters here = got.model.parameters(), there = expected.model.parameters();
  for (size_t i = 0; i < here.size(); ++i)
    if (here[i]->value.to_host() != there[i]->value.to_host()) return false;
  return true;
}

bool adds_in_one_order(Runtime& runtime, int64_t data_parallel) {
  return data_parallel <= 2 && runtime.backend().device() == Device::cpu;
}

double tolerance_of(const Settings& settings) {
  return settings.training.precision == Precision::bf16 ? 3e-2 : 1e-4;
}

}  // namespace shard::chapter_15
