#include "chapters/15_sharded_optimizer/sharded_step.h"

#include "chapters/10_tensor_and_data_parallel/micro_batches.h"
#include "chapters/15_sharded_optimizer/shard_norm.h"
#include "chapters/15_sharded_optimizer/sharded_adamw.h"

namespace shard {

//! [15-parts]
StepParts sharded_parts_of_step(Grid& grid, LanguageModel& model, const TrainingSettings& settings,
                                Sharding sharding, int64_t bucket_bytes) {
  const Parameters parameters = model.parameters();
  auto gradients = std::make_unique<GradientShards>(grid, parameters, sharding,
                                                    type_of(settings.reduce_in), bucket_bytes);
  StepParts parts;
  parts.passes = std::make_unique<MicroBatches>(grid.dp(), model, settings);
  parts.norm = std::make_unique<ShardNorm>(grid.world(), *gradients);
  parts.optimizer = std::make_unique<ShardedAdamW>(*gradients, parameters, settings);
  parts.reduction = std::move(gradients);
  return parts;
}
//! [15-parts]

}  // namespace shard
