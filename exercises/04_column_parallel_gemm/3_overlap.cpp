// Exercise 04.3: overlap in two halves.
//
// In the chapter the all-reduce of dX runs while dA is computed, but no communication runs while dX
// itself is computed. Cut the tokens in two halves: then the first half of dX can be reduced while
// the second is computed, and both while dA is computed. Domino (Wang et al., arXiv:2409.15241)
// cuts whole transformer blocks along the batch in this way.
//
// Write: for each half, its term of dX and the start of its sum; then what is added to da and db,
//        of all tokens; then both waits. About 11 lines. Do not read or write the tensor of a
//        PendingSum before you have waited for it.
// Shapes: x [tokens × in], dy [tokens × out/t], a [in × out/t] → [tokens × in]; in between two
//         terms, [half × in] each. With an odd number of tokens the halves differ by one.
// Ledger: two all_reduces, of tokens × in elements together, nothing else. The test checks the
//         order: the contents of da and db when each sum is started, and when it is waited for.
#include "exercises/04_column_parallel_gemm/3_overlap.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor backward_in_halves(Communicator& group, const Tensor& x, const Tensor& dy, const Tensor& a,
                          Tensor& da, Tensor& db) {
  todo("backward_in_halves");
}

}  // namespace shard
