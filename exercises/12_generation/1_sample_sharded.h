#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// Draws a token from softmax(logit / temperature) over the words of all ranks. logits [columns]:
/// this rank's part, whose first words.size() columns are those of the words words.begin …
/// words.end-1; the columns after them are padding with arbitrary values. A rank's words follow
/// those of the rank before; it may have none, but not all may. u in [0, 1), the same on every
/// rank, is a multiple of 2^-24. Returns the first word w for which the sum of the probabilities of
/// words 0 … w exceeds u; at temperature 0 the word with the largest logit, and of several such
/// words the first. The same on every rank.
int32_t sample_sharded(Communicator& group, const Tensor& logits, Range words, double temperature,
                       double u);

}  // namespace shard
