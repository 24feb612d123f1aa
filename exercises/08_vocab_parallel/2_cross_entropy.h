#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// A rank's part of the vocabulary: columns 0 … words-1 of its logits belong to the words first,
/// first+1, …; columns from `words` on are padding.
struct VocabularyPart {
  int64_t vocabulary = 0;  // words of all ranks together
  int64_t first = 0;
  int64_t words = 0;  // may be 0
};

/// logits [tokens × ⌈vocabulary/t⌉]: this rank's columns, may be overwritten, padding has arbitrary
/// values; targets: i32 [tokens], the same on every rank, each a word or -1. Returns each token's
/// cross entropy with label smoothing, [tokens], the same on every rank; 0 for tokens with target
/// -1.
Tensor smoothed_cross_entropy(Communicator& group, Tensor logits, const Tensor& targets,
                              const VocabularyPart& part, float smoothing);

}  // namespace shard
