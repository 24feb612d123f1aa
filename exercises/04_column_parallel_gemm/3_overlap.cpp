// Exercise 04.3: overlap in two halves.
//
// In the chapter the all-reduce of dX is under way while dA is computed, but nothing is while dX
// itself is. Cut the tokens in two, and the sum of the first half can already travel while the
// second half of dX is computed; then both travel while dA is. Domino (Wang et al.,
// arXiv:2409.15241) cuts whole transformer blocks along the batch like this.
//
// Write: for each half, its term of dX and the start of its sum; then what is added to da and db,
// of all tokens; then
//        both waits. At most 12 lines. A PendingSum's tensor is not to be touched, nor read, until
//        it is waited for.
// Shapes: x [tokens × in], dy [tokens × out/t], a [in × out/t] → [tokens × in]; on the way two
// terms, [half × in] each.
//         With an odd number of tokens the halves differ by one.
// Ledger: two all_reduces, of tokens × in elements together, nothing else. The test watches the
// order: what da and db
//         hold when a sum is started, and when it is waited for.
#include "exercises/04_column_parallel_gemm/3_overlap.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor backward_in_halves(Communicator& group, const Tensor& x, const Tensor& dy, const Tensor& a,
                          Tensor& da, Tensor& db) {
  todo("backward_in_halves");
}

}  // namespace shard
