// Exercise 08.2: cross entropy from sharded logits, with label smoothing and ignored tokens.
//
// With label smoothing (Szegedy et al., arXiv:1512.00567, section 7) the target is not one word but
// a distribution over all words: q_j = ε/V, plus 1 - ε for the target word. So the loss of a token
// is
//     log Σ_j exp(logit_j)  -  (1-ε)·logit_target  -  ε/V · Σ_j logit_j
// This is one more sum over the vocabulary than in chapter 08, but it needs no additional
// collective if you choose well what to sum. Tokens with target -1 (padding, or a prompt that is
// not to be learnt) have loss 0.
//
// Write: the losses. exp must not overflow: logits may be about 100 or about -120. About 16 lines.
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
