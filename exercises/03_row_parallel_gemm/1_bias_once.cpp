// Exercise 03.1: the bias exactly once, with a reduce-scatter.
//
// Chapter 03 sums the ranks' terms with an all-reduce, so that every rank gets all of Y. Sequence
// parallelism (Korthikanti et al., arXiv:2205.05198, section 4.2.2) needs only a part of the tokens
// on each rank and uses a reduce-scatter instead: half of the all-reduce's traffic.
//
// Write: this rank's term X_i·A_i, its sum over the ranks scattered by rows, and the bias, once.
//        About 3 lines.
// Shapes: x [tokens × in/t], a [in/t × out], bias [out] → [tokens/t × out]. If t does not divide
//         tokens, the first ranks get one row more, as Communicator::reduce_scatter does.
// Ledger: one reduce_scatter of tokens × out elements, nothing else.
#include "exercises/03_row_parallel_gemm/1_bias_once.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor row_parallel_scattered(Communicator& group, const Tensor& x, const Tensor& a,
                              const Tensor& bias) {
  todo("row_parallel_scattered");
}

}  // namespace shard
