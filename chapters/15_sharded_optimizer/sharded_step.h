// The parts of a training step whose data-parallel ranks share out the state: chapter 10's passes,
// and this chapter's reduction, norm and optimizer.
#pragma once
#include "chapters/10_tensor_and_data_parallel/trainer.h"
#include "chapters/15_sharded_optimizer/gradient_shards.h"

namespace shard {

/// As parts_of_step, which shares out nothing. Throws likewise. Collective over the grid's ranks.
StepParts sharded_parts_of_step(Grid& grid, LanguageModel& model, const TrainingSettings& settings,
                                Sharding sharding,
                                int64_t bucket_bytes = GradientShards::default_bucket_bytes);

}  // namespace shard
