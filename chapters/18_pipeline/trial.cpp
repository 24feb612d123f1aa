#include "chapters/18_pipeline/trial.h"

#include "common/check/compare.h"
#include "common/check/reference.h"

namespace shard::chapter_18 {
namespace {

AxisSizes axes_of(const Settings& s, bool with_stages) {
  return {{"tp", static_cast<int>(s.tp)},
          {"pp", with_stages ? static_cast<int>(s.pp) : 1},
          {"dp", static_cast<int>(s.dp)}};
}

Init init_of(const Settings& settings) { return {settings.training.seed, 0.1f, 0.1f}; }

bool is_table_on_two_stages(const Trial& trial, const Parameter& parameter) {
  return trial.grid.size("pp") > 1 && parameter.is_partial_over("pp");
}

}  // namespace

void add_options(Options& options, Settings& s) {
  s.training.steps = 3;
  s.training.warmup = 2;
  s.training.batch = 17;  // of 8 micro-batches one is larger
  s.training.accumulate = 8;
  s.training.dropout = 0.1;
  options.size("--tp", s.tp, "tensor-parallel ranks", 1, 4096);
  options.size("--dp", s.dp, "data-parallel ranks", 1, 4096);
  options.size("--pp", s.pp, "stages of the pipeline; 0: what is left", 0, 4096);
  options.size("--layers", s.sizes.layers, "blocks", 1, 1000);
  options.size("--width", s.sizes.width, "columns of the activations", 1, 1 << 16);
  options.size("--heads", s.sizes.heads, "attention heads", 1, 4096);
  options.size("--context", s.sizes.context, "tokens of a sequence", 1, 1 << 16);
  options.size("--vocabulary", s.sizes.vocabulary, "rows of the table", 2, 1 << 20);
  options.size("--batch", s.training.batch, "sequences in a step", 1, 1 << 20);
  options.size("--micro-batches", s.training.accumulate, "micro-batches in a step", 1, 1 << 20);
  options.size("--steps", s.training.steps, "training steps", 1, 1000000);
}

void complete(Settings& s, Runtime& runtime) {
  s.training.seed = runtime.options().seed;
  const int64_t ranks = runtime.world().size();
  if (s.pp == 0) {
    require_usage(ranks % (s.tp * s.dp) == 0, "--tp ", s.tp, " × --dp ", s.dp,
                  " does not divide the ", ranks, " ranks");
    s.pp = ranks / (s.tp * s.dp);
  }
  require_usage(s.tp * s.dp * s.pp == ranks, "--tp ", s.tp, " × --dp ", s.dp, " × --pp ", s.pp,
                " are not the ", ranks, " ranks");
  require_usage(s.sizes.width % s.sizes.heads == 0, "--width ", s.sizes.width,
                " is not divisible by --heads ", s.sizes.heads);
  require_usage(s.sizes.heads >= s.tp, "--heads ", s.sizes.heads, " are too few for --tp ", s.tp);
  require_usage(s.training.batch >= s.dp * s.training.accumulate, "--batch ", s.training.batch,
                " has too few sequences for --dp ", s.dp, " × --micro-batches ",
                s.training.accumulate);
  const auto width = static_cast<double>(s.sizes.width);
  require_memory(16.0 * 12.0 * static_cast<double>(s.sizes.layers) * width * width,
                 text("--layers ", s.sizes.layers, " × --width ", s.sizes.width));
}

BatchOf batches_of(Backend& backend, const Settings& settings, int64_t step) {
  const GptSizes& sizes = settings.sizes;
  const RandomStream random{settings.training.seed,
                            stream_of("tokens", static_cast<uint64_t>(step))};
  return [=, &backend](Range range) {
    std::vector<int32_t> tokens, targets;
    const auto token = [&](int64_t place) {
      return static_cast<int32_t>(
          random.below(static_cast<uint32_t>(sizes.vocabulary), static_cast<uint64_t>(place)));
    };
    for (int64_t sequence = range.begin; sequence < range.end; ++sequence) {
      for (int64_t i = 0; i < sizes.context; ++i) {
        tokens.push_back(token(sequence * (sizes.context + 1) + i));
        targets.push_back(token(sequence * (sizes.context + 1) + i + 1));
      }
    }
    const Shape shape{std::ssize(tokens)};
    return Batch{Tensor::from(backend, shape, std::span<const int32_t>(tokens)),
                 Tensor::from(backend, shape, std::span<const int32_t>(targets)), range.size()};
  };
}

Trial::Trial(Communicator& world, const Settings& s, StepsOfStage steps, const MakePasses& make)
    : Trial(world, s, schedule_of(steps, static_cast<int>(s.pp), s.training.accumulate),
            cut_into_parts(s.sizes.layers, static_cast<int>(s.pp), end_costs(s.sizes)), make) {}

Trial::Trial(Communicator& world, const Settings& s, const Schedule& steps,
             const std::vector<GptStage>& parts, const MakePasses& make)
    : settings(s),
      grid(world, axes_of(s, true)),
      model(pipelined_gpt(grid, s.sizes, init_of(s), parts)),
      schedule(steps) {
  StepParts step = pipeline_parts_of_step(grid, *model, s.training, schedule);
  auto own = make(grid.dp(), *model, s.training, schedule);
  pipeline = own.get();
  step.passes = std::move(own);
  trainer.emplace(grid.dp(), std::move(step), s.training);
}

Trainer::Step Trial::step(int64_t number) {
  return trainer->step(number, batches_of(grid.world().backend(), settings, number));
}

double Trial::gradients(int64_t number) {
  return trainer->gradients(number, batches_of(grid.world().backend(), settings, number));
}

Reference::Reference(Communicator& world, const Settings& s, int stage)
    : settings(s),
      ranks(world.split(stage, "one stage")),
      grid(*ranks, axes_of(s, false)),
      model(grid.tp(), s.sizes, init_of(s)),
      trainer(grid, model, s.training) {}

Trainer::Step Reference::step(int64_t number) {
  return trainer.step(number, batches_of(ranks->backend(), settings, number));
}

double Reference::gradients(int64_t number) {
  return trainer.gradients(number, batches_of(ranks->backend(), settings, number));
}

const Parameter& Reference::parameter(const std::string& name) {
  for (const Parameter* parameter : model.parameters())
    if (parameter->name == name) return *parameter;
  throw Error(text("chapter 10's model has no parameter ", name));
}

bool same_gradients(Trial& got, Reference& expected) {
  for (const Parameter* parameter : got.model->parameters()) {
    if (!is_table_on_two_stages(got, *parameter) &&
        !same_bits(parameter->gradient, expected.parameter(parameter->name).gradient))
      return false;
  }
  return true;
}

double gradients_error(Trial& got, Reference& expected) {
  double worst = 0;
  for (const Parameter* parameter : got.model->parameters()) {
    // what softmax ignores is rounding noise
    if (parameter->name.ends_with("c_attn.bias")) continue;
    worst = reference::larger(
        worst, reference::relative_error(parameter->gradient,
                                         expected.parameter(parameter->name).gradient));
  }
  return worst;
}

double table_error(Trial& got, Reference& expected) {
  double error = 0;
  for (const Parameter* parameter : got.model->parameters()) {
    if (parameter->name == "wte.weight")
      error = reference::relative_error(parameter->gradient,
                                        expected.parameter(parameter->name).gradient);
  }
  return error;
}

}  // namespace shard::chapter_18
