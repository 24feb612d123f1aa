#pragma once
#include "chapters/04_column_parallel_gemm/column_parallel_linear.h"

namespace shard {

/// The backward pass of two column-parallel layers with the same input x [tokens × in]:
/// Q = x·A_q + b_q and K = x·A_k + b_k. dq [tokens × query_out/t] and dk [tokens × key_out/t]: this
/// rank's columns of dQ and dK. Returns dX [tokens × in] through both layers, the same on every
/// rank. Adds to the gradients of both layers' weight and bias. One all_reduce.
Tensor shared_input_backward(Communicator& group, const Tensor& x, const Tensor& dq,
                             const Tensor& dk, ColumnParallelLinear& query,
                             ColumnParallelLinear& key);

}  // namespace shard
