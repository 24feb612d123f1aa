// Exercise 07.2: gradients of replicated parameters whose tokens are sharded.
//
// In chapter 07 every rank normalises all tokens, so the gradients of gain and bias are the same on
// all ranks. With sequence parallelism (Korthikanti et al., arXiv:2205.05198, section 4.2.2) each
// rank normalises its own tokens. The forward pass needs no communication, since layer norm works
// on one row at a time. But gain and bias are used for every token, and each rank only computes the
// terms of its own tokens: the gradients are partial sums. They are short, so they should share one
// message.
//
// Write: dX of this rank's rows, and the gradients of gain and bias over all rows, added to those
//        of earlier passes. About 9 lines.
// Shapes: dy, x [tokens/t × width]; gain, dgain, dbias [width] → dX [tokens/t × width].
// Ledger: one all_reduce of 2·width elements, nothing else.
#include "exercises/07_transformer_block/2_norm_gradients.h"

#include "exercises/todo.h"

namespace shard {

Tensor sequence_parallel_norm_backward(Communicator& group, const Tensor& dy, const Tensor& x,
                                       const LayerNorm& forward, const Tensor& gain, Tensor& dgain,
                                       Tensor& dbias) {
  todo("sequence_parallel_norm_backward");
}

}  // namespace shard
