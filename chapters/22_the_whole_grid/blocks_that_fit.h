// What the blocks of a model keep, measured on one of them, for chapter 14's plan of which to
// recompute: no formula has to know which half is sharded how.
#pragma once
#include "chapters/10_tensor_and_data_parallel/basic_gpt.h"
#include "chapters/10_tensor_and_data_parallel/training_settings.h"
#include "chapters/14_recompute/memory_plan.h"
#include "chapters/22_the_whole_grid/recomputed_rows.h"
#include "common/comm/grid.h"

namespace shard::chapter_22 {

/// The largest micro-batch of a rank, of token 0 only.
Batch largest_micro_batch(Grid& grid, const GptSizes& sizes, const TrainingSettings& settings);

/// The bytes that `model`, which has one block, keeps of `batch` on this rank; for `layers` blocks.
template <class Block>
ModelBytes bytes_kept(BasicGpt<Recomputed<Block>>& model, const Batch& batch, int64_t layers) {
  typename BasicGpt<Recomputed<Block>>::Kept kept;
  model.blocks.front()->recomputes = false;
  model.forward(batch.tokens, batch.targets, batch.sequences, {}, kept);
  const auto& whole = kept.blocks.front().rest;
  typename Block::Kept again;
  DropoutMoment moment = kept.moment;
  forward_without_output(static_cast<const Block&>(*model.blocks.front()), whole.norm_1.x,
                         batch.sequences, moment, again);
  const int64_t block = bytes_of(whole);
  return {.layers = layers,
          .block = block,
          .input = whole.norm_1.x.bytes(),
          .again = std::max<int64_t>(0, bytes_of(again) - block),
          .begin = bytes_of(kept.token_embedding) + kept.positions.bytes(),
          .end = bytes_of(kept.final_norm) + kept.normed.bytes() + bytes_of(kept.cross_entropy)};
}

/// The largest of each on any rank, so that all decide alike. Collective.
ModelBytes largest_of(Communicator& all, const ModelBytes& bytes);

}  // namespace shard::chapter_22
