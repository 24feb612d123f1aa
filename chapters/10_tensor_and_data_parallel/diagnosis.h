// Diagnosis: where a step went wrong whose loss is no longer a number.
#pragma once
#include <string>

#include "chapters/10_tensor_and_data_parallel/language_model.h"
#include "chapters/10_tensor_and_data_parallel/training_step.h"
#include "common/comm/grid.h"

namespace shard::chapter_10 {

/// Looks at the weights, then at what each layer gives on for this rank's part of the batch of
/// `sequences`, then at the gradients in the order of the backward pass, and names the first tensor
/// of any rank that holds a NaN or an infinity: "the first that is not finite is the output of
/// block h.1 (tp rank 0, dp rank 1)". The same words on every rank. Collective.
std::string first_bad_tensor(Grid& grid, LanguageModel& model,
                             const std::vector<StateTensor>& gradients, const BatchOf& batch_of,
                             int64_t sequences);

}  // namespace shard::chapter_10
