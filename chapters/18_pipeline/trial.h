// A small GPT in training on the stages of a pipeline, and beside it chapter 10's on one stage.
#pragma once
#include "chapters/18_pipeline/pipeline_step.h"
#include "chapters/18_pipeline/stage_cut.h"
#include "common/program/runtime.h"

namespace shard::chapter_18 {

struct Settings {
  int64_t tp = 1, dp = 1, pp = 0;  // pp: what is left
  // a head that costs about as much as a block
  GptSizes sizes{.vocabulary = 283, .context = 16, .width = 20, .heads = 4, .layers = 6};
  TrainingSettings training;
  bool blocking = false;  // only run the design that comes to a standstill
};
void add_options(Options& options, Settings& settings);
/// Throws UsageError for what does not fit the ranks.
void complete(Settings& settings, Runtime& runtime);

/// Sequences of random tokens; each depends on its number in the batch and on the step alone.
BatchOf batches_of(Backend& backend, const Settings& settings, int64_t step);

/// Makes the passes of a trial.
using MakePasses = std::function<std::unique_ptr<Pipeline>(Communicator& dp, PipelinedModel& model,
                                                           const TrainingSettings& settings,
                                                           const Schedule& schedule)>;
/// The chapter's: a Pipeline, or one that differs from it.
template <class Passes = Pipeline>
MakePasses passes() {
  return [](auto&&... arguments) { return std::make_unique<Passes>(arguments...); };
}

/// A model cut into as many stages as the grid has, and its trainer.
struct Trial {
  /// Collective, as is step.
  Trial(Communicator& world, const Settings& settings, StepsOfStage steps,
        const MakePasses& make = passes());
  /// Any schedule, of a model in these parts: one for each chunk of each stage.
  Trial(Communicator& world, const Settings& settings, const Schedule& steps,
        const std::vector<GptStage>& parts, const MakePasses& make);
  Trainer::Step step(int64_t number);
  double gradients(int64_t step);  // as Trainer::gradients
  int stage() { return model->stages().rank(); }

  const Settings& settings;
  Grid grid;
  std::unique_ptr<PipelinedModel> model;
  Schedule schedule;
  Pipeline* pipeline = nullptr;  // the trainer's passes
  std::optional<Trainer> trainer;
};

/// Chapter 10's model with as many micro-batches, whole on the ranks of each stage.
struct Reference {
  Reference(Communicator& world, const Settings& settings, int stage);
  Trainer::Step step(int64_t number);
  double gradients(int64_t step);
  const Parameter& parameter(const std::string& name);

  const Settings& settings;
  std::unique_ptr<Communicator> ranks;
  Grid grid;
  Gpt model;
  Trainer trainer;
};

/// Of this rank's stage: whether every gradient has the bits of chapter 10's, but for that of a
/// table on two stages.
bool same_gradients(Trial& got, Reference& expected);
/// The relative error of the worst gradient; of the table alone.
double gradients_error(Trial& got, Reference& expected);
double table_error(Trial& got, Reference& expected);

}  // namespace shard::chapter_18
