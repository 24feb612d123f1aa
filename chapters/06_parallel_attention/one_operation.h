// Comparing the layer with one that uses attention as one operation (common/tensor/attention.h).
#pragma once
#include "chapters/06_parallel_attention/trial.h"

namespace shard::chapter_06 {

/// Checks that Y and dX [tokens × width] of the layer, with this dropout, are those of the unsplit
/// layer that calls attention() and attention_backward() instead of the steps.
void check_one_operation(Report& report, Trial& trial, const AttentionDropout& dropout,
                         const Tensor& y, const Tensor& dx);

}  // namespace shard::chapter_06
