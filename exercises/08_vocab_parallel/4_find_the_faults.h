#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// What the backward pass of the head needs of a forward pass.
struct HeadKept {
  Tensor exps;  // [tokens × ⌈vocabulary/t⌉]: exp(logit - maximum), 0 in padding
  Tensor sums;  // [tokens]: their sums over the whole vocabulary
};

/// The head of a GPT: logits = X·Eᵀ, E [vocabulary × width] cut by vocabulary_part (chapter 08).
/// x [tokens × width], the same on every rank; e [⌈vocabulary/t⌉ × width]: this rank's rows of E,
/// zero in padding; targets: i32 [tokens], each a word, the same on every rank. Returns the loss of
/// each token, -log softmax(logits)[target]: [tokens], the same on every rank. One all_reduce_max
/// and two all_reduces of [tokens].
Tensor head_forward(Communicator& group, const Tensor& x, const Tensor& e, const Tensor& targets,
                    int64_t vocabulary, HeadKept& kept);

/// The gradients of the mean of these losses. x, e, targets and kept: those of the forward pass;
/// kept may be overwritten. Returns dX [tokens × width], the same on every rank. Adds the gradient
/// of e to de [⌈vocabulary/t⌉ × width], nothing in padding. One all_reduce of tokens × width.
Tensor head_backward(Communicator& group, const Tensor& x, const Tensor& e, const Tensor& targets,
                     int64_t vocabulary, HeadKept& kept, Tensor& de);

}  // namespace shard
