#include "chapters/11_checkpoints/saved_training.h"

#include "chapters/11_checkpoints/resume.h"
#include "common/base/counted.h"
#include "common/program/output_files.h"

namespace shard::chapter_11 {

bool SavedTraining::find_origin() {
  Settings& s = settings_;
  resumed_ = checkpoint_to_resume(runtime_.world(), s);
  if (resumed_.empty()) {
    if (s.start_from.empty()) return true;
    start_.emplace(s.start_from);
    take_sizes(s, start_->sizes, runtime_.options());
    return true;
  }
  checkpoint_ = read_checkpoint_info(resumed_);
  take_over(s, checkpoint_, runtime_.options());
  if (s.resume != "auto" || checkpoint_.step < s.training.steps) return true;
  report_.line(text("  nothing is left to do: ", resumed_.string(), " has taken ", checkpoint_.step,
                    " of ", counted(s.training.steps, "step")));
  return false;
}

void SavedTraining::read_corpus() {
  const chapter_10::Source source = chapter_10::source_of(settings_);
  fingerprint_ = fingerprint_of(source.text);
  require_usage(resumed_.empty() || checkpoint_.data == fingerprint_, source.where,
                " differs from the text of the checkpoint ", resumed_.string(),
                ": --data must name the one that it was trained on");
  corpus_.emplace(source, settings_, origin());
}

void SavedTraining::begin() {
  Settings& s = settings_;
  chapter_10::complete(s, runtime_);
  require_writable(runtime_.world(), "--curve", s.curve);
  report_.layout(static_cast<int>(s.tp), static_cast<int>(s.dp));
  read_corpus();
  if (!s.save.empty()) saving_.emplace(runtime_, report_, s, resumed_);
  training_.emplace(runtime_, report_, s, *corpus_, recipe_);
  training_->describe();
  if (start_) {
    start_->weights.load(training_->model().parameters(), s.allow_nan);
    report_.line(text("  starts from ", start_->weights.path().string(), ", with its tokenizer of ",
                      corpus_->tokenizer->vocabulary(), " ", corpus_->tokenizer->unit()));
  }
  if (!resumed_.empty()) say_what_changed(report_, s, resumed_, checkpoint_);
  training_->check();
  training_->begin();
  if (resumed_.empty()) return;
  load_checkpoint(resumed_, training_->trainer().optimizer(), s.allow_nan);
  training_->goes_on_from(checkpoint_.step,
                          history_of(runtime_, report_, resumed_, checkpoint_.step));
}

CheckpointInfo SavedTraining::info_to_save() const {
  const Tokenizer& tokenizer = *corpus_->tokenizer;
  return {.step = checkpoint_.step,
          .sizes = settings_.sizes,
          .settings = settings_.training,
          .characters = tokenizer.characters(),
          .data = fingerprint_,
          .tokenizer_files = tokenizer.files(),
          .end_of_text = end_of_text_of(origin(), tokenizer)};
}

void SavedTraining::run() {
  const CheckpointInfo info = info_to_save();
  training_->run([&](const chapter_10::Metrics& metrics) {
    return !saving_ || saving_->goes_on_after(metrics, training_->trainer().optimizer(), info);
  });
  if (saving_) saving_->complete(training_->metrics());
}

void SavedTraining::report() {
  training_->report_results();
  if (!training_->finished()) {
    report_.line("\n  stopped on request; continue with\n    " + command_to_go_on(runtime_));
  } else if (settings_.sample > 0) {
    training_->write_sample(settings_.training.steps);
  }
}

}  // namespace shard::chapter_11
