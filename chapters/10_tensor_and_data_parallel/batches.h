// Batches of a text as tensors, and the loss over its validation part.
#pragma once
#include "chapters/10_tensor_and_data_parallel/language_model.h"
#include "common/comm/grid.h"
#include "common/text/text_data.h"

namespace shard::chapter_10 {

/// Sequences `range` of training batch `step` as tensors.
Batch training_batch(Backend& backend, const TextData& data, uint64_t seed, int64_t step,
                     Range range);

/// Mean loss over at most `windows` windows of the validation text, shared out over the dp ranks;
/// NaN without one.
double validation_loss(Grid& grid, LanguageModel& model, const TextData& data, int64_t batch,
                       int64_t windows);

}  // namespace shard::chapter_10
