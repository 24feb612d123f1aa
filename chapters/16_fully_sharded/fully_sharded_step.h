// The parts of a training step with fully sharded weights: chapter 10's passes, this chapter's
// FullySharded, and chapter 15's norm and AdamW of own ranges.
#pragma once
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "chapters/16_fully_sharded/fully_sharded.h"

namespace shard {

/// How a model is cut.
struct FullSharding {
  int64_t unit_blocks = 1;  // transformer blocks in a unit
  int64_t shard_ranks = 0;  // data-parallel ranks that share one copy of the weights; 0: all
  bool prefetch = true;
};

struct FullyShardedStep {
  StepParts parts;
  FullySharded& weights;  // parts.reduction
};

/// As parts_of_step of chapter 10, which shards nothing, and throws likewise. Throws UsageError,
/// too, where shard_ranks does not divide the data-parallel ranks. Collective over the grid's
/// ranks.
FullyShardedStep fully_sharded_step(Grid& grid, LanguageModel& model,
                                    const TrainingSettings& settings,
                                    const FullSharding& sharding = {});

}  // namespace shard
