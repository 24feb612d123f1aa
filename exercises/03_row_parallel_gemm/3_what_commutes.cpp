// Exercise 03.3: what commutes with a partial sum.
//
// Chapter 03 does everything after the all-reduce. Some operations may come before it. Then the sum
// can be smaller, or can be the last step: vLLM, for example, adds the bias of its row-parallel
// layer on rank 0 only, inside the product (RowParallelLinear.forward in
// vllm/model_executor/layers/linear.py). Usually PartialSum prevents mistakes here; this time you
// use its unreduced() term, and have to know when that is allowed.
//
// Write: for each operation the earliest place where it gives the right result; then an expression
//        moved before the sum; then a product on the cheaper side of the sum. About 19 lines in
//        all.
// Shapes: scaled_residual: x, residual [tokens × width], bias [width] → [tokens × width]. project:
//         x [tokens × in], w [in × out] → [tokens × out].
// Ledger: project: one all_reduce of tokens × in or tokens × out elements, whichever is less;
//         nothing else.
#include "exercises/03_row_parallel_gemm/3_what_commutes.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Place earliest_place(Operation operation) { todo("earliest_place"); }

PartialSum scaled_residual(const Communicator& group, const PartialSum& x, float factor,
                           const Tensor& bias, const Tensor& residual) {
  todo("scaled_residual");
}

Tensor project(Communicator& group, const PartialSum& x, const Tensor& w) { todo("project"); }

}  // namespace shard
