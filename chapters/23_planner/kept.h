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
};
/// Of all micro-batches in flight. The products that zb-h1 leaves for later are not in it.
KeptBytes kept_in_step(const RankWork& work);

}  // namespace shard::chapter_23
