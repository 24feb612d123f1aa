// Exercise 07.1: dropout masks that do not depend on t.
//
// In chapter 07 dropout is applied to whole rows on every rank, so all ranks draw the same mask.
// Here the tensors are sharded: the MLP's hidden layer by columns, and, with sequence parallelism
// (Korthikanti et al., arXiv:2205.05198, section 4.2.2), the block's output by tokens. Each rank
// draws its part of the mask of the unsplit tensor: only then is the loss the same for every number
// of ranks. If all ranks used the same mask, t columns would always be dropped together.
//
// Write: dropout after GeLU on this rank's columns, its backward pass, and dropout on this rank's
//        rows. About 8 lines.
// Shapes: h, dy [tokens × hidden/t] → [tokens × hidden/t];  x [tokens/t × width] → [tokens/t ×
//         width]. t need not divide hidden or tokens: the parts are those of part_of. An element's
//         index in the mask is its index in the whole tensor of the global batch: [all tokens ×
//         hidden] or [all tokens × width]: dropout() is told by a Block (common/tensor/backend.h)
//         where in it a part begins. This group's tokens begin at plan.first_token.
// Ledger: nothing. Masks are computed, not communicated.
#include "exercises/07_transformer_block/1_dropout_masks.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor gelu_dropout(Communicator& group, const Tensor& h, int64_t hidden, const DropoutPlan& plan) {
  todo("gelu_dropout");
}

Tensor gelu_dropout_backward(Communicator& group, const Tensor& h, const Tensor& dy, int64_t hidden,
                             const DropoutPlan& plan) {
  todo("gelu_dropout_backward");
}

Tensor sequence_dropout(Communicator& group, const Tensor& x, int64_t tokens,
                        const DropoutPlan& plan) {
  todo("sequence_dropout");
}

}  // namespace shard
