// Exercise 08.2: cross entropy from sharded logits, with label smoothing and ignored tokens.
//
// With label smoothing (Szegedy et al., arXiv:1512.00567, section 7) the target of a token is not
// one word but a distribution q over all V words: ε/V for each, and 1 - ε more for the target word.
// The token's loss is the cross entropy of the softmax of its logits with q:
//     - Σ_j q_j · log softmax_j
// This sums over the whole vocabulary, of which a rank has a part. Chapter 08, where q is 1 for the
// target and 0 elsewhere, needs one maximum and two sums over the ranks. Smoothing must not add to
// this communication. Tokens with target -1 (padding, or a prompt that is not to be learnt) have
// loss 0.
//
// Write: the losses. exp must not overflow: logits may be about 100 or about -120. About 15 lines.
// Shapes: logits [tokens × ⌈V/t⌉] (part.words columns of words, then padding with arbitrary
//         values), targets [tokens] → [tokens].
// Ledger: one all_reduce_max and two all_reduces, of [tokens] each, nothing else. A rank without
//         words calls them too.
#include "exercises/08_vocab_parallel/2_cross_entropy.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor smoothed_cross_entropy(Communicator& group, Tensor logits, const Tensor& targets,
                              const VocabularyPart& part, float smoothing) {
  todo("smoothed_cross_entropy");
}

}  // namespace shard
