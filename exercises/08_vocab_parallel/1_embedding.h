#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// table [⌈vocabulary/t⌉ × width]: this rank's rows, vocabulary_part(vocabulary, t, rank), of the
/// table E, zeros in padding; ids: i32 [tokens], the same on every rank, each in
/// 0 … vocabulary-1. Returns this rank's rows of E[ids]: rows part_of(tokens, t, rank) of
/// [tokens × width].
Tensor embed_scattered(Communicator& group, const Tensor& table, const Tensor& ids,
                       int64_t vocabulary);

/// dy [tokens/t × width]: the gradient of this rank's result of embed_scattered. Adds the gradient
/// of this rank's rows of E, over all tokens, to dtable [⌈vocabulary/t⌉ × width].
void embed_scattered_backward(Communicator& group, Tensor& dtable, const Tensor& ids,
                              const Tensor& dy, int64_t vocabulary);

}  // namespace shard
