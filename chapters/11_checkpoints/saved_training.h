// SavedTraining: chapter 10's training, which saves, and resumes from what was saved.
#pragma once
#include "chapters/10_tensor_and_data_parallel/training.h"
#include "chapters/11_checkpoints/pretrained.h"
#include "chapters/11_checkpoints/saving.h"

namespace shard::chapter_11 {

class SavedTraining {
 public:
  /// All of these must outlive this object. Collective, as is every function here.
  SavedTraining(Runtime& runtime, Report& report, Settings& settings,
                Recipe recipe = usual_recipe())
      : runtime_(runtime), report_(report), settings_(settings), recipe_(std::move(recipe)) {}

  /// Finds what --resume or --start-from means, and takes over its settings. Returns false, and
  /// says so, where --resume auto finds that all steps were taken.
  bool find_origin();
  /// Makes the model, of new, another model's or the checkpoint's weights.
  void begin();
  /// Trains, and saves where it is due.
  void run();
  /// Results, and a sample or, where the run was stopped, the command that goes on.
  void report();

 private:
  /// The folder of the model that the run goes on from or starts from; empty for a new one.
  std::filesystem::path origin() const { return start_ ? start_->folder : resumed_; }
  void read_corpus();
  CheckpointInfo info_to_save() const;

  Runtime& runtime_;
  Report& report_;
  Settings& settings_;
  Recipe recipe_;
  std::filesystem::path resumed_;
  CheckpointInfo checkpoint_;  // what that says
  std::optional<Pretrained> start_;
  std::string fingerprint_;  // of the text
  std::optional<chapter_10::Corpus> corpus_;
  std::optional<Saving> saving_;
  std::optional<chapter_10::Training> training_;
};

}  // namespace shard::chapter_11
