// Exercise 08.3: the backward pass of 08.2, without communication.
//
// The gradient of a token's loss is softmax - q, with the smoothed target q of 08.2: for word j
//     exps_j / sum  -  (1-ε)·[j is the target]  -  ε/V
// The forward pass has left on each rank everything that its own columns need. Because no rank
// needs data of another, the logits can stay sharded (Shoeybi et al., arXiv:1909.08053, section 3,
// where only losses are communicated, not logits).
//
// Write: the gradient of the mean loss over the tokens that have a target. About 16 lines.
// Shapes: exps [tokens × ⌈V/t⌉], sums, targets [tokens] → [tokens × ⌈V/t⌉]. Zero where the target
//         is -1, and in padding.
// Ledger: nothing.
#include "exercises/08_vocab_parallel/3_cross_entropy_backward.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor smoothed_cross_entropy_backward(Communicator& group, Tensor exps, const Tensor& sums,
                                       const Tensor& targets, const VocabularyPart& part,
                                       float smoothing) {
  todo("smoothed_cross_entropy_backward");
}

}  // namespace shard
