#pragma once
#include "common/comm/communicator.h"
#include "exercises/08_vocab_parallel/2_cross_entropy.h"

namespace shard {

/// The gradient of the mean loss of 08.2, over the tokens whose target is not -1, for this rank's
/// logits. exps [tokens × ⌈vocabulary/t⌉]: exp(logit - maximum) of this rank's words, 0 in padding,
/// may be overwritten; sums [tokens]: their row sums over all ranks; targets: i32 [tokens], each a
/// word or -1, at least one of them a word. Returns [tokens × ⌈vocabulary/t⌉], 0 in padding and in
/// the rows of ignored tokens.
Tensor smoothed_cross_entropy_backward(Communicator& group, Tensor exps, const Tensor& sums,
                                       const Tensor& targets, const VocabularyPart& part,
                                       float smoothing);

}  // namespace shard
