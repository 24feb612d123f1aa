#include "chapters/22_the_whole_grid/grid_recipe.h"

#include <utility>

#include "chapters/15_sharded_optimizer/sharded_step.h"
#include "chapters/16_fully_sharded/fully_sharded_step.h"
#include "chapters/22_the_whole_grid/blocks_that_fit.h"
#include "chapters/22_the_whole_grid/grid_norm.h"
#include "common/base/counted.h"

namespace shard::chapter_22 {
namespace {

using Say = std::function<void(const std::string&)>;

//! [22-recipe]
template <class Block>
std::unique_ptr<BasicGpt<Recomputed<Block>>> model_of(Grid& grid, const GptSizes& sizes,
                                                      const Init& init, bool sequence_parallel) {
  std::shared_ptr<const BlockRows> rows;
  if (sequence_parallel) rows = std::make_shared<const CutRows>(grid.tp());
  return std::make_unique<BasicGpt<Recomputed<Block>>>(
      grid.tp(), sizes, init, GptStage{.layers = {0, sizes.layers}},
      usual_block<Recomputed<Block>>(grid.tp(), sizes, init), rows);
}

/// The first blocks are recomputed, as few as switches.memory allows.
template <class Block>
int64_t blocks_to_recompute(Grid& grid, GptSizes sizes, const Init& init, const Switches& switches,
                            const TrainingSettings& training) {
  if (switches.recompute != Recompute::full) return 0;
  const int64_t layers = std::exchange(sizes.layers, 1);
  if (switches.memory == 0) return layers;
  const auto model = model_of<Block>(grid, sizes, init, switches.sequence_parallel);
  const Batch batch = largest_micro_batch(grid, sizes, training);
  return fewest_recomputed(largest_of(grid.world(), bytes_kept(*model, batch, layers)),
                           static_cast<int64_t>(switches.memory * 1e6));
}

StepParts parts_of(Grid& grid, LanguageModel& model, const TrainingSettings& settings,
                   const Switches& switches) {
  switch (switches.shard_optimizer) {
    case 0: {
      StepParts parts = parts_of_step(grid, model, settings);
      parts.norm = std::make_unique<GridNorm>(grid, model.parameters());
      return parts;
    }
    case 1: return sharded_parts_of_step(grid, model, settings, Sharding::moments);
    case 2: return sharded_parts_of_step(grid, model, settings, Sharding::gradients);
    default:
      return fully_sharded_step(grid, model, settings, {.prefetch = !switches.no_prefetch}).parts;
  }
}

template <class Block>
Recipe recipe_with(const Switches& switches, const TrainingSettings& training, const Say& say) {
  const auto silent = std::make_shared<bool>(!say || switches.recompute != Recompute::full);
  return {[=, &training](Grid& grid, const GptSizes& sizes, const Init& init) {
            auto model = model_of<Block>(grid, sizes, init, switches.sequence_parallel);
            const int64_t recomputed =
                blocks_to_recompute<Block>(grid, sizes, init, switches, training);
            for (int64_t i = 0; i < sizes.layers; ++i)
              model->blocks[static_cast<size_t>(i)]->recomputes = i < recomputed;
            require_as_in_table(grid, model->parameters(), switches.sequence_parallel);
            if (!std::exchange(*silent, true))  // the self-check makes a model, too
              say(text("  recomputes ", recomputed, " of ", counted(sizes.layers, "block")));
            return model;
          },
          [=](Grid& grid, LanguageModel& model, const TrainingSettings& settings) {
            return parts_of(grid, model, settings, switches);
          }};
}

}  // namespace

Recipe recipe_of(const Switches& switches, const TrainingSettings& training, const Say& say) {
  return switches.sequence_parallel ? recipe_with<RowsBlock>(switches, training, say)
                                    : recipe_with<TransformerBlock>(switches, training, say);
}
//! [22-recipe]

}  // namespace shard::chapter_22
