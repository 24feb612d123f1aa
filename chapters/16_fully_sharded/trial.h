// A small GPT in training, with weights that are sharded in some way.
#pragma once
#include "chapters/10_tensor_and_data_parallel/corpus.h"
#include "chapters/15_sharded_optimizer/gradient_shards.h"
#include "chapters/16_fully_sharded/fully_sharded_step.h"
#include "chapters/16_fully_sharded/settings.h"
#include "common/program/runtime.h"

namespace shard::chapter_16 {

/// What all trials of a run have in common.
struct Setup {
  Runtime& runtime;
  Report& report;
  Grid& grid;
  const Settings& settings;
  const TextData& data;
  FullSharding sharding;

  int dp() const { return grid.dp().size(); }
};

class Trial {
 public:
  /// Fully sharded, in `micro_batches` a step.
  Trial(const Setup& setup, const FullSharding& sharding, int64_t micro_batches = 1);
  /// With chapter 15's sharded optimizer; without `optimizer`, with chapter 10's data parallelism.
  Trial(const Setup& setup, std::optional<Sharding> optimizer);

  Trainer::Step step(int64_t number);
  /// A forward pass; returns the mean loss of this rank's sequences of batch 0, and what it keeps.
  double forward(Gpt::Kept& kept);
  void backward(Gpt::Kept& kept);
  /// What a step communicates.
  Ledger ledger_of_step();

  FullySharded& weights() { return *weights_; }  // of a fully sharded one
  std::vector<std::string> units() const;        // their names
  Optimizer& optimizer() { return trainer_->optimizer(); }
  Gpt& model() { return model_; }

 private:
  Trial(const Setup& setup, int64_t micro_batches);

  const Setup& setup_;
  TrainingSettings training_;
  Gpt model_;
  FullySharded* weights_ = nullptr;
  std::unique_ptr<Trainer> trainer_;
};

/// The largest relative error of a weight against that of the other trial, without K's biases,
/// whose gradients are rounding noise. Collective.
double weights_error(const Setup& setup, Trial& got, Trial& expected);

/// Calls and bytes of one collective in one group.
LedgerRow row_of(const Ledger& ledger, Collective op, std::string_view group);
/// Bytes that a rank has sent in the group.
int64_t sent_in(const Ledger& ledger, std::string_view group);

}  // namespace shard::chapter_16
