// Exercise 21.2: home, weighted.
//
// The experts' results come back ordered by expert, not by token. A token finds its k rows by their
// places, weights them and adds them. The gradient goes the same way back: each row gets its
// token's gradient times its weight, and each weight the product of its row with its token's
// gradient. That product is all that the router learns from: without it the loss falls, and tokens
// stay where the first random numbers sent them.
//
// Write: the weighted sum, and its backward pass. About 25 lines in all.
// Shapes: returned [rows × width], places i32 and weights [tokens × k], y and dy [tokens × width].
// Useful: to_host(), to_host_int() and Tensor::from: loops on the host are good enough here.
// Ledger: nothing.
#include "exercises/21_experts/2_home_weighted.h"

#include "exercises/todo.h"

namespace shard {

Tensor home_weighted(const Tensor& returned, const Tensor& places, const Tensor& weights) {
  todo("home_weighted");
}

HomeGradients home_weighted_backward(const Tensor& dy, const Tensor& returned, const Tensor& places,
                                     const Tensor& weights) {
  todo("home_weighted_backward");
}

}  // namespace shard
