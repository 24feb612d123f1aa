// Training: a whole run of the program, from its first line to its report.
#pragma once
#include <functional>
#include <optional>

#include "chapters/10_tensor_and_data_parallel/corpus.h"
#include "chapters/10_tensor_and_data_parallel/metrics.h"
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "common/program/progress.h"

namespace shard::chapter_10 {

class Training {
 public:
  /// A new model on the grid of the settings, which are complete. All of these must outlive this
  /// object. Collective, as is every function here.
  Training(Runtime& runtime, Report& report, const Settings& settings, const Corpus& corpus,
           Recipe recipe = usual_recipe());

  /// Prints what is trained, on which grid and on what text, and draws the grid for --picture.
  void describe();
  /// The self-checks that --check-steps asks for.
  void check();
  /// Makes the trainer; from here on products have the precision of the settings.
  void begin();
  /// After begin, for a run that goes on: the steps that were taken, and their metrics, as far as
  /// they are known.
  void goes_on_from(int64_t step, Metrics history);
  /// Takes the steps up to settings.steps, shows progress, and writes samples on the way. Ends
  /// early where `goes_on_after`, called after every step with the metrics of all so far, returns
  /// false. Throws Error when the loss or the gradient's norm is no longer a number, and names the
  /// first tensor that is not finite.
  void run(const std::function<bool(const Metrics&)>& goes_on_after = [](const Metrics&) {
    return true;
  });
  /// Loss curve, speed, memory, whether the loss fell, and the ledger.
  void report_results();
  /// What the model writes now.
  void write_sample(int64_t step);

  bool finished() const { return finished_; }  // all steps were taken
  const Metrics& metrics() const { return metrics_; }
  Grid& grid() { return grid_; }
  LanguageModel& model() { return *model_; }
  Trainer& trainer() { return *trainer_; }

 private:
  void step(int64_t step);
  void validate_after(int64_t step, Progress& progress);

  Runtime& runtime_;
  Report& report_;
  const Settings& settings_;
  const Corpus& corpus_;
  Recipe recipe_;
  std::unique_ptr<Grid> made_grid_;
  Grid& grid_;
  std::unique_ptr<LanguageModel> model_;
  std::optional<Trainer> trainer_;
  std::optional<Tf32Products> tf32_;  // since begin()

  int64_t first_step_ = 0;
  Metrics metrics_;  // of all steps: those before this run and its own
  bool finished_ = false;
  Ledger ledger_;  // of the steps, without the validation at the end
  int64_t new_allocations_ = 0;
  double seconds_ = 0;  // of the last step
};

}  // namespace shard::chapter_10
