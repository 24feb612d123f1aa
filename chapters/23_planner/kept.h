// What a rank keeps for backward passes, in bytes: chapter 14's formulas for its parts of the
// model, and chapter 18's order of passes.
#pragma once
#include "chapters/23_planner/rank_work.h"

namespace shard::chapter_23 {

/// A part of the model keeps so much of one micro-batch between its forward and its backward pass.
int64_t kept_of_part(const RankWork& work, const GptStage& part);

struct KeptBytes {
  int64_t between_passes = 0;  // the most after any pass of a step
  int64_t at_most = 0;         // also while a block that is recomputed goes back
  int64_t for_weights = 0;     // beside that, for gradients of weights that zb-h1 leaves for later
};
/// Of all micro-batches in flight.
KeptBytes kept_in_step(const RankWork& work);
/// A backward pass through a part of dense blocks leaves so much for its weights' gradients: each
/// weight's input, and the gradient of its output.
int64_t kept_for_weights(const RankWork& work, const GptStage& part);

}  // namespace shard::chapter_23
