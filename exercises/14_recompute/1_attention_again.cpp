// Exercise 14.1: the backward pass of attention from q, k and v alone.
//
// Probabilities are two matrices [context × context] for each head, one before dropout and one
// after it. Selective recomputation (Korthikanti et al., arXiv:2205.05198, section 5) keeps
// neither. The backward pass needs both, and gets them from q and k by the operations of the
// forward pass (causal_scores, causal_softmax, with_dropout): then they have the same bits, and so
// have the gradients. Which products of the forward pass are needed again, and which one is not?
//
// Write: P and its dropout once more, then the gradients. About 8 lines.
// Shapes: dheads, q, k, v [sequences·heads/t × context × head_width] → three of the same.
//         Probabilities are [sequences·heads/t × context × context].
// Ledger: nothing. A rank has all of its heads.
#include "exercises/14_recompute/1_attention_again.h"

#include <cmath>

#include "exercises/todo.h"

namespace shard {

QkvGradients attention_backward_again(const Tensor& dheads, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const ProbabilityPlan& plan) {
  todo("attention_backward_again");
}

}  // namespace shard
