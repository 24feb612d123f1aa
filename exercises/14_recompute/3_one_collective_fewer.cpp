// Exercise 14.3: a recomputed MLP on sharded tokens, with one collective fewer.
//
// With sequence parallelism (Korthikanti et al., arXiv:2205.05198, section 4.2.2) a rank keeps its
// own tokens between the layers. An MLP gathers the tokens of all ranks before its first product,
// and scatters the sum of its last. If only x was kept, the backward pass computes the rest again.
// Not all of it: what only the MLP's output needs is left out. Which of the forward pass's two
// collectives is needed again, and which of its two products?
//
// Write: what is needed of the forward pass, and the backward pass. About 9 lines.
// Shapes: x, dz [own tokens × width]; weights as in the header → [own tokens × width].
//         t need not divide tokens: all_gather must be told every rank's number of rows.
// Ledger: two all_gathers of this rank's rows, one reduce_scatter of tokens × width, nothing else.
#include "exercises/14_recompute/3_one_collective_fewer.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor recomputed_mlp_backward(Communicator& group, const Tensor& x, const MlpPart& weights,
                               const Tensor& dz, int64_t tokens, MlpPart& gradients) {
  todo("recomputed_mlp_backward");
}

}  // namespace shard
