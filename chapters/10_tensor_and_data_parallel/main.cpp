// Chapter 10: a GPT trained on text, on a grid of tensor × data parallel ranks. Everything before
// comes together here.
#include "chapters/10_tensor_and_data_parallel/generate.h"
#include "chapters/10_tensor_and_data_parallel/layouts.h"
#include "chapters/10_tensor_and_data_parallel/picture.h"
#include "chapters/10_tensor_and_data_parallel/pretrained.h"
#include "chapters/10_tensor_and_data_parallel/results.h"
#include "chapters/10_tensor_and_data_parallel/resume.h"
#include "chapters/10_tensor_and_data_parallel/sampling.h"
#include "chapters/10_tensor_and_data_parallel/saving.h"
#include "chapters/10_tensor_and_data_parallel/self_checks.h"
#include "chapters/10_tensor_and_data_parallel/training.h"
#include "common/program/output_files.h"
#include "common/program/runtime.h"

using namespace shard;

void describe(Report& report, const Settings& s, Gpt& model, const TextData& data,
              const std::string& unit) {
  report.line(text("  grid: tp ", s.tp, " × dp ", s.dp, "; model: ", s.sizes.layers, " layers, ",
                   s.sizes.heads, " heads, width ", s.sizes.width, ", context ", s.sizes.context,
                   ", vocabulary ", s.sizes.vocabulary, ", ", model.parameter_count(),
                   " parameters"));
  report.line(text("  data: ", data.training_tokens(), " ", unit, " to learn from, ",
                   data.validation_tokens(), " to validate on; ", s.training.batch,
                   " sequences a step"));
}

/// What is trained, and on what.
struct Subject {
  ProcessGrid& grid;
  Gpt& model;
  const Tokenizer& tokenizer;
  const TextData& data;
};

void write_sample(Report& report, const Settings& s, const Subject& subject, int64_t step) {
  report.heading(text("What the model writes after step ", step, " (", s.sample, " ",
                      subject.tokenizer.unit(), ")"));
  const std::vector<int32_t> some =
      subject.data.training(s.training.seed, s.training.steps, {0, 1}).tokens;
  const auto tokens =
      sample(subject.model, subject.grid.tp(), {some.front()}, s.sample,
             {s.training.seed, stream_of("sample")}, {.tokens = subject.tokenizer.vocabulary()});
  report.line(subject.tokenizer.decode({tokens.begin() + 1, tokens.end()}));
}

/// Trains on from `resumed`, where there is one, and writes samples on the way and at the end.
void train_and_report(Runtime& runtime, Report& report, const Settings& s, const Subject& subject,
                      const CheckpointInfo& info, const std::filesystem::path& resumed,
                      Saving* saving) {
  Trainer trainer(subject.grid, subject.model, s.training);
  if (!resumed.empty()) load_checkpoint(resumed, trainer, s.allow_nan);
  TrainingPlan plan{info.step, s.eval_every, history_of(runtime, report, resumed, info.step)};
  plan.goes_on_after = [&](const Metrics& metrics) {
    const int64_t step = metrics.back().step;
    const bool writes = s.sample_every > 0 && step % s.sample_every == 0 && step < s.training.steps;
    if (writes) write_sample(report, s, subject, step);
    return saving == nullptr || saving->goes_on_after(metrics, subject.grid, trainer, info);
  };
  const TrainingRun run =
      train(subject.grid, subject.model, trainer, subject.data, s.training, plan, report);
  if (saving != nullptr) saving->complete(run.metrics);
  report_results(runtime, report, s, run);
  report.heading("The ledger of the steps");
  report.ledger(run.ledger);
  if (!run.finished) {
    report.line("\n  stopped on request; continue with\n    " + command_to_go_on(runtime));
  } else if (s.sample > 0) {
    write_sample(report, s, subject, s.training.steps);
  }
}

void run_training(Runtime& runtime, Report& report, Settings& s) {
  CheckpointInfo info;
  s.training.seed = runtime.options().seed;
  require_usage(s.start_from.empty() || s.resume.empty() || s.resume == "auto",
                "--start-from begins a training and --resume goes on with one: give one of them");
  const std::filesystem::path resumed = checkpoint_to_resume(runtime.world(), s);
  if (!resumed.empty()) {
    info = read_checkpoint_info(resumed);
    take_over(s, info, runtime.options());
    if (s.resume == "auto" && info.step >= s.training.steps) {
      return report.line(text("  nothing is left to do: ", resumed.string(), " has taken ",
                              info.step, " of ", s.training.steps, " steps"));
    }
  }
  std::unique_ptr<Pretrained> start;
  if (resumed.empty() && !s.start_from.empty()) {
    start = std::make_unique<Pretrained>(s.start_from);
    take_sizes(s, start->sizes, runtime.options());
  }
  complete(s, runtime);
  require_writable(runtime.world(), "--curve", s.curve);
  report.layout(static_cast<int>(s.tp), static_cast<int>(s.dp));
  const std::string all_text = read_text(s.data),
                    where = s.data.empty() ? "the repository's text" : "--data " + s.data;
  require_usage(resumed.empty() || info.data == fingerprint_of(all_text), where,
                " is not, or no longer, the text of the checkpoint ", resumed.string(),
                ": --data must name the one that it was trained on");
  const std::filesystem::path origin = start ? start->folder : resumed;
  const auto tokenizer = tokenizer_of(all_text, where, s.vocabulary, origin);
  if (origin.empty()) s.sizes.vocabulary = tokenizer->vocabulary();
  const int64_t padding = s.sizes.vocabulary - tokenizer->vocabulary();
  require_usage(padding == 0 || (padding > 0 && tokenizer->characters().empty()), origin.string(),
                " has a model of ", s.sizes.vocabulary, " tokens, but a tokenizer of ",
                tokenizer->vocabulary());
  const TextData data(tokenizer->encode(all_text), s.training.validation_fraction, s.sizes.context);
  if (s.layouts) return compare_layouts(runtime, report, s.sizes, data, s.training);

  std::unique_ptr<Saving> saving;
  if (!s.save.empty()) saving = std::make_unique<Saving>(runtime, report, s, resumed);
  ProcessGrid grid(runtime.world(), static_cast<int>(s.tp), static_cast<int>(s.dp));
  Gpt model(grid.tp(), s.sizes, {s.training.seed, 0.02f, 0.0f});
  const double bytes = static_cast<double>(all_text.size()) /
                       static_cast<double>(data.training_tokens() + data.validation_tokens());
  describe(report, s, model, data,
           tokenizer->unit() +
               (tokenizer->files().empty() ? "" : text(" of ", fixed(bytes), " bytes")));
  if (s.tp * s.dp > 1 && s.tp <= 8 && s.dp <= 8)
    report.table(grid_table(grid.tp().size(), grid.dp().size()));
  if (!runtime.options().picture.empty())
    draw_grid(runtime, report, grid, s.sizes.heads, s.training.batch);
  if (start) {
    start->weights.load(model.parameters(), s.allow_nan);
    report.line(text("  starts from ", start->weights.path().string(), ", with its tokenizer of ",
                     tokenizer->vocabulary(), " ", tokenizer->unit()));
  }
  if (!resumed.empty()) say_what_changed(report, s, resumed, info);
  if (s.check_steps > 0) {
    check_against_finite_differences(runtime, report, s.training.seed);
    check_against_unsplit(runtime, report, grid, s.sizes, s.training, data, s.check_steps);
  }
  const Tf32Products scope(runtime.backend(),
                           s.precision == "tf32");  // the checks above are in f32
  report.heading("Training");
  info = {info.step,
          s.sizes,
          s.training,
          s.precision,
          s.reduce_in,
          tokenizer->characters(),
          fingerprint_of(all_text)};
  info.tokenizer_files = tokenizer->files(), info.end_of_text = end_of_text_of(origin, *tokenizer);
  train_and_report(runtime, report, s, {grid, model, *tokenizer, data}, info, resumed,
                   saving.get());
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
