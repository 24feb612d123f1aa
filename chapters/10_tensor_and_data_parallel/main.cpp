// Chapter 10: a GPT trained on text, on a grid of tensor × data parallel ranks. Everything before comes together here.
#include <algorithm>
#include <cmath>

#include "chapters/10_tensor_and_data_parallel/generate.h"
#include "chapters/10_tensor_and_data_parallel/interruption.h"
#include "chapters/10_tensor_and_data_parallel/layouts.h"
#include "chapters/10_tensor_and_data_parallel/picture.h"
#include "chapters/10_tensor_and_data_parallel/resume.h"
#include "chapters/10_tensor_and_data_parallel/sampling.h"
#include "chapters/10_tensor_and_data_parallel/self_checks.h"
#include "chapters/10_tensor_and_data_parallel/training.h"
#include "common/files.h"
#include "common/runtime.h"

using namespace shard;

void describe(Report& report, const Settings& s, Gpt& model, const TextData& data, const std::string& unit) {
  report.line(text("  grid: tp ", s.tp, " × dp ", s.dp, "; model: ", s.sizes.layers, " layers, ", s.sizes.heads,
                   " heads, width ", s.sizes.width, ", context ", s.sizes.context, ", vocabulary ", s.sizes.vocabulary,
                   ", ", model.parameter_count(), " parameters"));
  report.line(text("  data: ", data.training_tokens(), " ", unit, " to learn from, ", data.validation_tokens(),
                   " to validate on; ", s.training.batch, " sequences a step"));
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

void report_results(Runtime& runtime, Report& report, const Settings& s, const TrainingRun& run, bool from_start) {
  const auto& losses = run.curve.training;
  const double seconds = median(run.seconds);
  const double tokens = static_cast<double>(s.training.batch * s.sizes.context);
  const double memory = runtime.world().max_of(static_cast<double>(peak_resident_bytes()));
  report.line(run.curve.drawn());
  if (runtime.world().rank() == 0) {
    run.curve.write_svg(s.curve, text("Training loss, tp ", s.tp, " × dp ", s.dp));
  }
  report.line(text("  the curve as a picture: ", s.curve));
  const std::string validation = std::isnan(run.validation_loss) ? "" : ", validation " + fixed(run.validation_loss, 4);
  report.line(text("\n  loss ", fixed(losses.front(), 4), " → ", fixed(losses.back(), 4), validation, "; ",
                   fixed(seconds * 1e3), " ms a step (median), ", fixed(tokens / seconds, 0), " tokens/s; ",
                   bytes_text(memory), " resident"));
  report.result("milliseconds_per_step", seconds * 1e3);
  report.result("tokens_per_second", tokens / seconds);
  report.result("first_loss", losses.front());
  report.result("last_loss", losses.back());
  report.result("losses", losses);
  report.result("gradient_norms", run.gradient_norms);
  if (!validation.empty()) report.result("validation_loss", run.validation_loss);
  report.result("peak_resident_bytes", memory);
  report.result("allocations_after_step_10", static_cast<double>(run.new_allocations));
  if (losses.size() > 10) report.check("no memory was allocated after step 10", run.new_allocations == 0);
  if (from_start && losses.size() >= 20)
    report.check("the loss fell", median({losses.end() - 10, losses.end()}) < losses.front());
}

void write_sample(Report& report, ProcessGrid& grid, const Settings& s, Gpt& model, const Tokenizer& tokenizer,
                  const TextData& data) {
  report.heading(text("What the model writes (", s.sample, " ", tokenizer.unit(), ")"));
  const std::vector<int32_t> prompt = data.training(s.training.seed, s.training.steps, {0, 1}).tokens;
  const std::vector<int32_t> first(prompt.begin(), prompt.begin() + 1);
  const auto tokens = sample(model, grid.tp(), first, s.sample, {s.training.seed, stream_of("sample")});
  report.line(tokenizer.decode(tokens));
}

/// Where a run with --save saves, and what lets it do so when it is asked to stop.
struct Saving {
  Checkpoints checkpoints;
  Interruption interruption;
};

/// Trains, saving on the way. Returns false where somebody has asked to stop before the end.
bool train_and_save(Runtime& runtime, Report& report, const Settings& s, ProcessGrid& grid, Gpt& model,
                    const TextData& data, CheckpointInfo info, const std::filesystem::path& resumed, Saving* saving) {
  Trainer trainer(grid, model, s.training);
  if (!resumed.empty()) load_checkpoint(resumed, trainer, s.allow_nan);
  bool stopped = false;
  const auto say_warnings = [&] {
    for (const std::string& warning : saving->checkpoints.warnings()) report.line("  warning: " + warning);
  };
  if (saving != nullptr) say_warnings();
  TrainingPlan plan{info.step, s.eval_every};
  plan.goes_on_after = [&](int64_t steps) {
    if (saving == nullptr) return true;
    const bool last = steps == s.training.steps, due = s.save_every > 0 && steps % s.save_every == 0;
    stopped = Interruption::asked_for(runtime.world()) && !last;
    info.step = steps;
    if (stopped || due || last) {
      report.line(text("  step ", steps, ": saved in ", saving->checkpoints.save(grid, trainer, info)));
      say_warnings();
    }
    return !stopped;
  };
  const TrainingRun training = train(grid, model, trainer, data, s.training, plan, report);
  report_results(runtime, report, s, training, resumed.empty());
  report.heading("The ledger of the steps");
  report.ledger(training.ledger);
  return !stopped;
}

void run_training(Runtime& runtime, Report& report, Settings& s) {
  CheckpointInfo info;
  s.training.seed = runtime.options().seed;
  const std::filesystem::path resumed = checkpoint_to_resume(runtime.world(), s);
  if (!resumed.empty()) {
    info = read_checkpoint_info(resumed);
    take_over(s, info, runtime.options());
    if (s.resume == "auto" && info.step >= s.training.steps) {
      return report.line(text("  nothing is left to do: ", resumed.string(), " has taken ", info.step, " of ",
                              s.training.steps, " steps"));
    }
  }
  complete(s, runtime);
  require_writable(runtime.world(), "--curve", s.curve);
  report.layout(static_cast<int>(s.tp), static_cast<int>(s.dp));
  const std::string all_text = read_text(s.data), where = s.data.empty() ? "the repository's text" : "--data " + s.data;
  require_usage(resumed.empty() || info.data == fingerprint_of(all_text), where,
                " is not, or no longer, the text of the checkpoint ", resumed.string());
  const auto tokenizer = tokenizer_of(all_text, where, s.vocabulary, resumed);
  require_usage(resumed.empty() || tokenizer->vocabulary() == info.sizes.vocabulary, resumed.string(),
                " has a model of ", info.sizes.vocabulary, " tokens, but a tokenizer of ", tokenizer->vocabulary());
  s.sizes.vocabulary = tokenizer->vocabulary();
  const TextData data(tokenizer->encode(all_text), s.training.validation_fraction, s.sizes.context);
  if (s.layouts) return compare_layouts(runtime, report, s.sizes, data, s.training);

  std::unique_ptr<Saving> saving;
  if (!s.save.empty()) saving.reset(new Saving{{runtime.world(), s.save, s.keep, resumed}, {}});
  ProcessGrid grid(runtime.world(), static_cast<int>(s.tp), static_cast<int>(s.dp));
  Gpt model(grid.tp(), s.sizes, {s.training.seed, 0.02f, 0.0f});
  describe(report, s, model, data, tokenizer->unit());
  if (s.tp * s.dp > 1 && s.tp <= 8 && s.dp <= 8) report.table(grid_table(grid.tp().size(), grid.dp().size()));
  if (!runtime.options().picture.empty()) draw_grid(runtime, report, grid, s.sizes.heads, s.training.batch);
  if (!resumed.empty()) report.line(text("  goes on from ", resumed.string(), ", after ", info.step, " steps"));
  if (s.check_steps > 0) {
    check_against_finite_differences(runtime, report, s.training.seed);
    check_against_unsplit(runtime, report, grid, s.sizes, s.training, data, s.check_steps);
  }
  runtime.backend().allow_tf32(s.precision == "tf32");  // from here on: the checks above are in f32
  report.heading("Training");
  info = {info.step, s.sizes, s.training, s.precision, s.reduce_in, tokenizer->characters(), fingerprint_of(all_text)};
  info.tokenizer_files = tokenizer->files(), info.end_of_text = tokenizer->end_of_text();
  const bool finished = train_and_save(runtime, report, s, grid, model, data, info, resumed, saving.get());
  if (!finished) return report.line("\n  stopped as asked; --resume " + s.save + " goes on");
  if (s.sample > 0) write_sample(report, grid, s, model, *tokenizer, data);
}

int main(int argc, char** argv) {
  Settings s;
  Options options("10_tensor_and_data_parallel", "A GPT trained on a tensor × data parallel grid");
  add_options(options, s);
  options.offer_picture("the process grid, or with --layouts the losses of all layouts");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    require_usage(s.weights.empty() || options.picture.empty(),
                  "--picture draws a training, which --weights does not do");
    s.weights.empty() ? run_training(runtime, report, s) : generate(runtime, report, s);
  });
}
