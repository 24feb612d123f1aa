// Comparing the layer with the one that computes attention as one operation.
#pragma once
#include "chapters/06_parallel_attention/trial.h"

namespace shard::chapter_06 {

/// Checks that FusedAttention, split in the same way, gives the layer's Y and dX [tokens × width]
/// with this dropout, and the unsplit layer's gradients of the parameters.
void check_one_operation(Runtime& runtime, Report& report, Trial& trial,
                         const AttentionDropout& dropout, const Tensor& y, const Tensor& dx);

/// Shows what both keep for the backward pass, and how long they take, for growing contexts up to
/// `largest`.
void show_growing_contexts(Runtime& runtime, Report& report, int64_t largest);

}  // namespace shard::chapter_06
