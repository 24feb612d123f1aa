// Exercise 19.2: gradients of weights, later.
//
// The backward pass of Y = X·W has two products: dX = dY·Wᵀ, for which the stage before waits, and
// Xᵀ·dY, which is added to dW and needed at the end of the step only. ZB-H1 takes 1F1B's order, and
// stage j adds the product of a micro-batch j backward passes later: the last stage, which would be
// the first to have nothing to do, has the most left for the end. What waits must be kept, so no
// stage may wait longer than that. With F = I = W this leaves (p - 1)(F + I - W) of 1F1B's bubble
// (p - 1)(F + I + W).
//
// Write: input_gradient, after_sending and finish, without chapter 19's headers and without
//        weight_gradients.h. About 12 lines.
// Shapes: x [tokens × in], dy [tokens × out], w and dw [in × out].
// Ledger: nothing. After after_sending at most j products wait.
#include "exercises/19_interleaved_pipeline/2_later_weights.h"

#include "exercises/todo.h"

namespace shard {

Tensor input_gradient(LaterWeight& layer, const Tensor& x, const Tensor& dy) {
  todo("input_gradient");
}

void after_sending(LaterWeight& layer) { todo("after_sending"); }

void finish(LaterWeight& layer) { todo("finish"); }

}  // namespace shard
