// Exercise 10.2: the gradient norm when the dp ranks share the gradients, too.
//
// In chapter 10 every replica holds all of its gradients, and only parameters replicated over tp
// must be counted once. With ZeRO (Rajbhandari et al., arXiv:1910.02054, section 5) the gradients
// are reduce-scattered over dp: each dp rank keeps the part whose weights it updates. Tensors that
// are too small to be cut are still all-reduced, and all dp ranks hold them. So a gradient may be
// split over tp, over dp, over both, or over neither.
//
// Write: the norm of the whole gradient, each element counted once. About 6 lines.
// Shapes: parts of any shape; a part may have no elements on this rank.
// Ledger: one all_reduce of one number, nothing else, for any grid and any number of gradients.
#include "exercises/10_tensor_and_data_parallel/2_gradient_norm.h"

#include "exercises/todo.h"

namespace shard {

double gradient_norm(Grid& grid, const std::vector<HeldGradient>& gradients) {
  todo("gradient_norm");
}

}  // namespace shard
