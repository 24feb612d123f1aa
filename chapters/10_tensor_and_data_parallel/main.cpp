// Chapter 10: a GPT trained on text, on a grid of tensor × data parallel ranks. Everything before comes together here.
#include <algorithm>
#include <cmath>

#include "chapters/10_tensor_and_data_parallel/layouts.h"
#include "chapters/10_tensor_and_data_parallel/sampling.h"
#include "chapters/10_tensor_and_data_parallel/self_checks.h"
#include "chapters/10_tensor_and_data_parallel/training.h"
#include "common/files.h"
#include "common/runtime.h"

using namespace shard;

struct Settings {
  int64_t tp = 0, dp = 0;  // 0: from the number of ranks
  GptSizes sizes;
  TrainingSettings training;
  std::string data;
  double validation_fraction = 0.1;
  int64_t eval_every = 0, sample = 200, check_steps = 3;
  bool layouts = false;
  std::string curve;
};

void add_options(Options& options, Settings& s) {
  options.size("--tp", s.tp, "tensor-parallel ranks; 0: as many as --dp leaves", 0, 1 << 20);
  options.size("--dp", s.dp, "data-parallel ranks; 0: as many as --tp leaves", 0, 1 << 20);
  options.size("--layers", s.sizes.layers, "transformer blocks", 1, 1000);
  options.size("--heads", s.sizes.heads, "attention heads", 1, 1 << 16);
  options.size("--width", s.sizes.width, "width of the model", 1, 1 << 20);
  options.size("--context", s.sizes.context, "tokens that the model sees at once", 1, 1 << 20);
  options.size("--batch", s.training.batch, "sequences a step, of all ranks together", 1, 1 << 20);
  options.size("--steps", s.training.steps, "training steps", 1, int64_t{1} << 40);
  options.number("--learning-rate", s.training.learning_rate, "its maximum");
  options.number("--min-learning-rate", s.training.min_learning_rate, "what the cosine ends at");
  options.size("--warmup", s.training.warmup, "steps of linear warm-up", 0);
  options.number("--beta2", s.training.beta2, "AdamW's second decay", 0, 0.999999);
  options.number("--weight-decay", s.training.weight_decay, "of matrices only");
  options.number("--clip", s.training.clip, "limit of the gradient norm; 0: none");
  options.number("--dropout", s.training.dropout, "probability", 0, 0.99);
  options.size("--accumulate", s.training.accumulate, "micro-batches a step", 1, 1 << 20);
  options.text("--data", s.data, "a text file in UTF-8; without it the text of this repository is learnt");
  options.number("--validation-fraction", s.validation_fraction, "part of the text kept for validation", 0, 0.9);
  options.size("--eval-every", s.eval_every, "steps between validations; 0: only at the end", 0);
  options.size("--sample", s.sample, "characters to write at the end", 0, 1 << 20);
  options.size("--check-steps", s.check_steps, "steps compared with an unsplit model before training; 0: none", 0,
               1000);
  options.flag("--layouts", s.layouts, "train a few steps in every layout that fits, and compare the losses");
  options.text("--curve", s.curve, "file for the loss curve (SVG); without it, loss.svg in the build folder");
}

/// Fills in the sizes of the grid that were not given, and refuses what cannot be: a sentence names the options.
void complete(Settings& s, int ranks) {
  if (s.curve.empty()) s.curve = SHARD_BINARY_DIR "/loss.svg";
  if (s.tp == 0 && s.dp == 0) s.dp = 1;
  if (s.tp == 0) s.tp = std::max<int64_t>(1, ranks / s.dp);
  if (s.dp == 0) s.dp = std::max<int64_t>(1, ranks / s.tp);
  require_usage(s.tp * s.dp == ranks, "--tp ", s.tp, " × --dp ", s.dp, " is a grid of ", s.tp * s.dp,
                " ranks, but the program runs on ", ranks);
  require_usage(s.sizes.width % s.sizes.heads == 0, "--width ", s.sizes.width, " is not divisible by --heads ",
                s.sizes.heads);
  require_usage(s.sizes.heads % s.tp == 0, "--heads ", s.sizes.heads, " is not divisible by --tp ", s.tp);
  require_usage(s.training.batch >= s.dp * s.training.accumulate, "--batch ", s.training.batch,
                " has too few sequences for --dp ", s.dp, " × --accumulate ", s.training.accumulate);
  const auto width = static_cast<double>(s.sizes.width), layers = static_cast<double>(s.sizes.layers);
  const auto tokens = static_cast<double>(s.training.batch * s.sizes.context) / static_cast<double>(s.dp);
  const double models =
      (s.check_steps > 0 ? 1.0 : 0.0) + 1.0 / static_cast<double>(s.tp);  // an unsplit one, and a part
  const double weights = 16.0 * 12.0 * layers * width * width * models;
  const double activations =
      4.0 * tokens * layers * (16 * width + 3.0 * static_cast<double>(s.sizes.heads * s.sizes.context));
  require_memory(weights + activations, text("--layers ", s.sizes.layers, " × --width ", s.sizes.width, " × --batch ",
                                             s.training.batch, " × --context ", s.sizes.context));
}

void describe(Report& report, const Settings& s, Gpt& model, const TextData& data) {
  report.line(text("  grid: tp ", s.tp, " × dp ", s.dp, "; model: ", s.sizes.layers, " layers, ", s.sizes.heads,
                   " heads, width ", s.sizes.width, ", context ", s.sizes.context, ", vocabulary ", s.sizes.vocabulary,
                   ", ", model.parameter_count(), " parameters"));
  report.line(text("  data: ", data.training_tokens(), " characters to learn from, ", data.validation_tokens(),
                   " to validate on; ", s.training.batch, " sequences a step"));
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

void report_results(Runtime& runtime, Report& report, const Settings& s, const TrainingRun& run) {
  const auto& losses = run.curve.training;
  const double seconds = median(run.seconds);
  const double tokens = static_cast<double>(s.training.batch * s.sizes.context);
  const double memory = runtime.world().max_of(static_cast<double>(peak_resident_bytes()));
  report.line(run.curve.drawn());
  if (runtime.world().rank() == 0) {
    run.curve.write_svg(s.curve, text("Training loss, tp ", s.tp, " × dp ", s.dp));
  }
  report.line(text("  the curve as a picture: ", s.curve));
  report.line(text("\n  loss ", fixed(losses.front(), 4), " → ", fixed(losses.back(), 4), ", validation ",
                   fixed(run.validation_loss, 4), "; ", fixed(seconds * 1e3), " ms a step (median), ",
                   fixed(tokens / seconds, 0), " tokens/s; ", bytes_text(memory), " resident"));
  report.result("milliseconds_per_step", seconds * 1e3);
  report.result("tokens_per_second", tokens / seconds);
  report.result("first_loss", losses.front());
  report.result("last_loss", losses.back());
  report.result("losses", losses);
  report.result("gradient_norms", run.gradient_norms);
  report.result("validation_loss", run.validation_loss);
  report.result("peak_resident_bytes", memory);
  report.result("allocations_after_step_10", static_cast<double>(run.new_allocations));
  if (losses.size() > 10) report.check("no memory was allocated after step 10", run.new_allocations == 0);
  if (losses.size() >= 20) report.check("the loss fell", median({losses.end() - 10, losses.end()}) < losses.front());
}

void write_sample(Report& report, ProcessGrid& grid, const Settings& s, Gpt& model, const CharacterTokenizer& tokenizer,
                  const TextData& data) {
  report.heading(text("What the model writes (", s.sample, " characters)"));
  const std::vector<int32_t> prompt = data.training(s.training.seed, s.training.steps, {0, 1}).tokens;
  const std::vector<int32_t> first(prompt.begin(), prompt.begin() + 1);
  const auto tokens = sample(model, grid.tp(), first, s.sample, {s.training.seed, stream_of("sample")});
  report.line(tokenizer.decode(tokens));
}

int main(int argc, char** argv) {
  Settings s;
  Options options("10_tensor_and_data_parallel", "A GPT trained on a tensor × data parallel grid");
  add_options(options, s);
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    s.training.seed = options.seed;
    complete(s, runtime.world().size());
    require_writable(runtime.world(), "--curve", s.curve);
    report.layout(static_cast<int>(s.tp), static_cast<int>(s.dp));
    const auto characters =
        code_points(read_text(s.data), s.data.empty() ? "the repository's text" : "--data " + s.data);
    const CharacterTokenizer tokenizer(characters);
    s.sizes.vocabulary = tokenizer.vocabulary();
    const TextData data(tokenizer.encode(characters), s.validation_fraction, s.sizes.context);
    if (s.layouts) return compare_layouts(runtime, report, s.sizes, data, s.training);

    ProcessGrid grid(runtime.world(), static_cast<int>(s.tp), static_cast<int>(s.dp));
    Gpt model(grid.tp(), s.sizes, {s.training.seed, 0.02f, 0.0f});
    describe(report, s, model, data);
    if (s.check_steps > 0) {
      check_against_finite_differences(runtime, report, s.training.seed);
      check_against_unsplit(runtime, report, grid, s.sizes, s.training, data, s.check_steps);
    }
    report.heading("Training");
    const Ledger before = runtime.ledger();
    const TrainingRun training = train(grid, model, data, s.training, s.eval_every, report);
    report_results(runtime, report, s, training);
    report.heading("The ledger of the training");
    report.ledger(runtime.ledger().since(before));
    if (s.sample > 0) write_sample(report, grid, s, model, tokenizer, data);
  });
}
