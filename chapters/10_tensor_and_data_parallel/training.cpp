#include "chapters/10_tensor_and_data_parallel/training.h"

#include <algorithm>
#include <cmath>

#include "chapters/10_tensor_and_data_parallel/batches.h"
#include "chapters/10_tensor_and_data_parallel/diagnosis.h"
#include "chapters/10_tensor_and_data_parallel/picture.h"
#include "chapters/10_tensor_and_data_parallel/results.h"
#include "chapters/10_tensor_and_data_parallel/sampling.h"
#include "chapters/10_tensor_and_data_parallel/self_checks.h"
#include "common/base/clock.h"
#include "common/base/counted.h"

namespace shard::chapter_10 {

Training::Training(Runtime& runtime, Report& report, const Settings& settings, const Corpus& corpus,
                   Recipe recipe)
    : runtime_(runtime),
      report_(report),
      settings_(settings),
      corpus_(corpus),
      recipe_(std::move(recipe)),
      made_grid_(recipe_.grid(runtime.world(), static_cast<int>(settings.tp),
                              static_cast<int>(settings.dp))),
      grid_(*made_grid_),
      model_(recipe_.model(grid_, settings.sizes, {settings.training.seed, 0.02f, 0.0f})),
      ledger_{} {}

/// "tp 2 × dp 2", and further axes between the two.
static std::string in_words(const Grid& grid) {
  std::string axes = text("tp ", grid.size("tp"));
  for (const char* axis : {"cp", "pp"})
    if (grid.size(axis) > 1) axes += text(" × ", axis, " ", grid.size(axis));
  return axes + text(" × dp ", grid.size("dp"));
}

void Training::describe() {
  const Settings& s = settings_;
  const Tokenizer& tokenizer = *corpus_.tokenizer;
  const std::string bytes =
      tokenizer.files().empty() ? "" : text(" of ", fixed(corpus_.bytes_per_token), " bytes");
  report_.line(text("  grid: ", in_words(grid_), "; model: ", counted(s.sizes.layers, "layer"),
                    ", ", counted(s.sizes.heads, "head"), ", width ", s.sizes.width, ", context ",
                    s.sizes.context, ", vocabulary ", s.sizes.vocabulary, ", ",
                    model_->parameter_count(), " parameters"));
  report_.line(text("  data: ", corpus_.data.training_tokens(), " ", tokenizer.unit(), bytes,
                    " to learn from, ", corpus_.data.validation_tokens(), " to validate on; ",
                    counted(s.training.batch, "sequence"), " a step"));
  if (s.other_ranks == 1 && s.tp * s.dp > 1 && s.tp <= 8 && s.dp <= 8)
    report_.table(grid_table(grid_.tp().size(), grid_.dp().size()));
  if (!runtime_.options().picture.empty())
    draw_grid(runtime_, report_, grid_, s.sizes.heads, s.training.batch);
}

void Training::check() {
  if (settings_.check_steps == 0) return;
  check_against_finite_differences(runtime_, report_, settings_.training.seed);
  if (recipe_.is_another_function) return;
  check_against_unsplit(runtime_, report_, grid_, settings_.sizes, settings_.training, corpus_.data,
                        settings_.check_steps, recipe_);
}

void Training::begin() {
  tf32_.emplace(runtime_.backend(), settings_.training.precision == Precision::tf32);
  report_.heading("Training");
  trainer_.emplace(grid_.data(), recipe_.parts(grid_, *model_, settings_.training),
                   settings_.training);
}

void Training::goes_on_from(int64_t step, Metrics history) {
  first_step_ = step;
  metrics_ = std::move(history);
}

void Training::step(int64_t step) {
  const TrainingSettings& s = settings_.training;
  const auto batch_of = [&](Range range) {
    return training_batch(runtime_.backend(), corpus_.data, s.seed, step, range);
  };
  const double start = now();
  const Trainer::Step result = trainer_->step(step, batch_of);
  seconds_ = now() - start;
  if (!std::isfinite(result.loss) || !std::isfinite(result.gradient_norm)) {
    throw Error(text("step ", step + 1, " has loss ", result.loss, " and gradient norm ",
                     result.gradient_norm, "; ",
                     first_bad_tensor(grid_, *model_, trainer_->reduction().gradients(), batch_of,
                                      s.batch)));
  }
  const auto tokens = static_cast<double>(s.batch * settings_.sizes.context);
  metrics_.push_back(
      {step + 1, result.loss, result.gradient_norm, learning_rate_at(step, s), tokens / seconds_});
}

void Training::validate_after(int64_t steps, Progress& progress) {
  constexpr int64_t windows_on_the_way = 240;
  const Settings& s = settings_;
  if (s.eval_every == 0 || steps % s.eval_every != 0 || steps == s.training.steps) return;
  metrics_.back().validation_loss =
      validation_loss(grid_, *model_, corpus_.data, s.training.batch, windows_on_the_way);
  progress.validated(metrics_.back().validation_loss);
}

void Training::run(const std::function<bool(const Metrics&)>& goes_on_after) {
  constexpr int64_t warm = 10;
  const Settings& s = settings_;
  const int64_t steps = s.training.steps;
  Backend& backend = runtime_.backend();
  const Ledger before = grid_.dp().ledger();
  int64_t settled = first_step_ + warm;  // the first step that must take no new memory
  Progress progress(report_, first_step_, steps, s.training.batch * s.sizes.context);
  for (int64_t taken = first_step_ + 1; taken <= steps; ++taken) {
    const int64_t allocations = backend.allocations();
    step(taken - 1);
    if (taken > settled) new_allocations_ += backend.allocations() - allocations;
    const int64_t allocations_by_steps = backend.allocations();
    progress.step(metrics_.back().loss, seconds_);
    validate_after(taken, progress);
    if (s.sample_every > 0 && taken % s.sample_every == 0 && taken < steps) write_sample(taken);
    const bool goes_on = goes_on_after(metrics_);
    // what a validation or a sample has taken may be of the sizes that the next step needs
    if (backend.allocations() != allocations_by_steps) settled = std::max(settled, taken + 1);
    if (!goes_on) break;
    finished_ = taken == steps;
  }
  ledger_ = grid_.dp().ledger().since(before);
  if (finished_) {
    metrics_.back().validation_loss = validation_loss(
        grid_, *model_, corpus_.data, s.training.batch, corpus_.data.validation_windows());
  }
  progress.end();
}

void Training::report_results() {
  chapter_10::report_results(runtime_, report_, settings_,
                             {metrics_, first_step_, new_allocations_, grid_.size("pp") == 1});
  report_.heading("The ledger of the steps");
  report_.ledger(ledger_);
}

void Training::write_sample(int64_t step) {
  const Settings& s = settings_;
  const Tokenizer& tokenizer = *corpus_.tokenizer;
  report_.heading(
      text("What the model writes after step ", step, " (", s.sample, " ", tokenizer.unit(), ")"));
  const std::vector<int32_t> some =
      corpus_.data.training(s.training.seed, s.training.steps, {0, 1}).tokens;
  const std::vector<int32_t> tokens =
      sample(*model_, grid_.tp(), {some.front()}, s.sample, {s.training.seed, stream_of("sample")},
             {.tokens = tokenizer.vocabulary()});
  report_.line(tokenizer.decode({tokens.begin() + 1, tokens.end()}));
}

}  // namespace shard::chapter_10
