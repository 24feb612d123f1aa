// A small GPT twice, with the same numbers: on whole sequences, on every rank, and on cut ones.
#pragma once
#include "chapters/20_context_parallel/context_parallel_gpt.h"
#include "chapters/20_context_parallel/trial.h"
#include "common/comm/grid.h"

namespace shard::chapter_20 {

GptSizes gpt_sizes(const Sizes& sizes);

class ModelTrial {
 public:
  ModelTrial(Runtime& runtime, const Sizes& sizes, float dropout);

  /// Unequally many tokens with a loss: in the first sequence those of its last third only, as of
  /// a prompt; the last sequence ends early, as one that was padded.
  Batch batch() const;
  DropoutMoment moment() const;
  float mean() const { return 1.0f / static_cast<float>(with_loss_); }

  /// A forward and a backward pass, with `factor` for the gradients, on rows `positions_of` of the
  /// batch for all but attention and targets: right is those of the cut. Returns the losses of all
  /// tokens.
  Tensor pass(ContextParallelGpt& model, const ContextAttention& way, float factor,
              const RowMap* positions_of = nullptr);
  /// Of this way, on all ranks.
  std::unique_ptr<ContextParallelGpt> model_of(const Way& way);
  /// Sums the gradients over the ranks.
  void sum_gradients(ContextParallelGpt& model);
  /// How many tokens with a loss each rank of the cut has.
  std::vector<int64_t> tokens_with_loss(const SequenceCut& cut) const;

  Runtime& runtime;
  GptSizes sizes;
  Init init;
  std::unique_ptr<Communicator> alone;
  Grid grid;  // all ranks are its axis "cp"
  Gpt unsplit;
  Tensor losses;  // of the unsplit model, which has its gradients

 private:
  int64_t sequences_;
  float dropout_;
  int64_t with_loss_ = 0;
};

}  // namespace shard::chapter_20
