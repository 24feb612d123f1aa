// What chapter 22's step does on one rank besides the passes of its micro-batches.
#pragma once
#include "chapters/23_planner/cpu_passes.h"

namespace shard::chapter_23 {

/// Gradients' sums over the ranks that have other tokens, sharded weights (chapters 15 and 16), the
/// norm, and AdamW: seconds on a stage that has these parts of the model.
StepTime after_passes(const ModelShape& model, const Layout& layout, int64_t micro_batches,
                      const std::vector<GptStage>& parts, const OperationCosts& costs);

}  // namespace shard::chapter_23
