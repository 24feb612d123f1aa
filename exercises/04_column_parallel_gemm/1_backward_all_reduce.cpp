// Exercise 04.1: one backward all-reduce for two layers (the operator f).
//
// Query, key and value are projections of the same x. Megatron-LM puts one operator f before all of
// them: nothing in the forward pass, an all-reduce of dX in the backward pass (Shoeybi et al.,
// arXiv:1909.08053, section 3). The layer of this chapter contains its own all-reduce, so calling
// the backward pass of each layer is right, but communicates twice.
//
// Write: this rank's term of dX through both layers, its sum over the ranks, and the four
//        gradients. About 8 lines. Use the layers' weight and bias (value and gradient), not their
//        backward.
// Shapes: x [tokens × in], dq [tokens × query_out/t], dk [tokens × key_out/t]; query.weight [in ×
//         query_out/t], key.weight [in × key_out/t], biases [query_out/t] and [key_out/t] → [tokens
//         × in]. query_out differs from key_out.
// Ledger: one all_reduce of tokens × in elements, nothing else.
#include "exercises/04_column_parallel_gemm/1_backward_all_reduce.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor shared_input_backward(Communicator& group, const Tensor& x, const Tensor& dq,
                             const Tensor& dk, ColumnParallelLinear& query,
                             ColumnParallelLinear& key) {
  todo("shared_input_backward");
}

}  // namespace shard
