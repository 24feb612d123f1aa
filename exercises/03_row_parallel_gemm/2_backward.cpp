// Exercise 03.2: the backward pass of the scattered form.
//
// In chapter 03 every rank has all of dY, and the backward pass needs no communication. After
// exercise 03.1 a rank has only the gradient of its own tokens. The counterpart of a reduce-scatter
// in the forward pass is an all-gather in the backward pass (Korthikanti et al., arXiv:2205.05198,
// section 4.2.2). Decide which of dX, dA and db need the tokens of other ranks.
//
// Write: the gather of dY, the columns of dX, and what is added to da and db. About 4 lines.
// Shapes: x [tokens × in/t], a [in/t × out], dy [own tokens × out] → [tokens × in/t]. t need not
//         divide tokens: the first ranks have one row more, so all_gather must be told every rank's
//         number of rows (part_sizes).
// Ledger: one all_gather of this rank's dy, nothing else.
#include "exercises/03_row_parallel_gemm/2_backward.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor row_parallel_scattered_backward(Communicator& group, const Tensor& x, const Tensor& a,
                                       const Tensor& dy, Tensor& da, Tensor& db) {
  todo("row_parallel_scattered_backward");
}

}  // namespace shard
