#include "chapters/16_fully_sharded/fully_sharded_step.h"

#include "chapters/10_tensor_and_data_parallel/micro_batches.h"
#include "chapters/15_sharded_optimizer/shard_norm.h"
#include "chapters/16_fully_sharded/gpt_units.h"

namespace shard {
namespace {

/// AdamW on this rank's parts. No one gathers the new weights: the next use does.
class PartAdamW : public RangeAdamW {
 public:
  PartAdamW(Backend& backend, FullySharded& weights, const Parameters& parameters,
            const TrainingSettings& settings)
      : RangeAdamW(backend, weights.own_ranges(), parameters, settings, weights.is_first_replica()),
        weights_(weights) {}
  void update(int64_t step, double learning_rate, const Tensor& gradient_factor) override {
    weights_.free_all();  // copies of the old weights
    RangeAdamW::update(step, learning_rate, gradient_factor);
  }
  void state_was_set() override {
    weights_.free_all();
    RangeAdamW::state_was_set();
  }

 private:
  FullySharded& weights_;
};

}  // namespace

//! [16-parts]
FullyShardedStep fully_sharded_step(Grid& grid, LanguageModel& model,
                                    const TrainingSettings& settings,
                                    const FullSharding& sharding) {
  const int ranks =
      sharding.shard_ranks == 0 ? grid.data().size() : static_cast<int>(sharding.shard_ranks);
  auto passes = std::make_unique<MicroBatches>(grid.dp(), model, settings);
  auto weights =
      std::make_unique<FullySharded>(grid, ShardingGroups(grid.data(), ranks),
                                     units_of(model.parameters(), sharding.unit_blocks),
                                     ShardingSettings{.prefetch = sharding.prefetch,
                                                      .computes_in = type_of(settings.precision),
                                                      .reduces_in = type_of(settings.reduce_in)});
  FullySharded& made = *weights;
  StepParts parts;
  parts.passes = std::move(passes);
  parts.norm = std::make_unique<ShardNorm>(
      grid.world(), made.is_first_replica() ? made.own_ranges() : std::vector<OwnRange>());
  parts.optimizer =
      std::make_unique<PartAdamW>(grid.world().backend(), made, model.parameters(), settings);
  parts.reduction = std::move(weights);
  return {std::move(parts), made};
}
//! [16-parts]

}  // namespace shard
