// The same GPT in double precision, unsplit, from the plain loops of reference.h: what the
// gradients are checked against.
#pragma once
#include <map>
#include <string>

#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "common/check/reference.h"

namespace shard::chapter_10 {

/// Whole tensors by GPT-2's names; vectors are [1 × n].
using ReferenceWeights = std::map<std::string, reference::Matrix>;

/// The weights of an unsplit model.
ReferenceWeights weights_of(Gpt& unsplit);

/// Mean cross entropy of `batch` sequences, all of one length.
double reference_loss(const ReferenceWeights& weights, const GptSizes& sizes,
                      std::span<const int32_t> tokens, std::span<const int32_t> targets,
                      int64_t batch);

}  // namespace shard::chapter_10
