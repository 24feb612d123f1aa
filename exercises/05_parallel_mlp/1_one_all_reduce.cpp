// Exercise 05.1: the whole MLP by hand, with one all-reduce each way.
//
// Chapter 05 builds its MLP from two layers. For its backward pass a forward pass keeps X, GeLU's
// input and GeLU's output: with hidden = 4·width and t = 4 these are 3·tokens·width floats on each
// rank. Pipeline parallelism (Narayanan et al., arXiv:2104.04473, section 2.2) runs several forward
// passes before the first backward pass, and keeps these tensors for every batch in flight. GeLU
// costs little beside the products. So here only its input is kept, and the backward pass computes
// its output again: a third less memory. The test has two batches in flight, 1 and 2.
//
// Write: Z = GeLU(X·A + b)·B + c, and its backward pass: dX and the gradients of all four
//        parameters. About 11 lines.
// Shapes: x, z, dz, dx [tokens × width]; a [width × n], a_bias [n], b [n × width], b_bias [width],
//         before_gelu [tokens × n]. n is this rank's share of hidden, and differs between ranks if
//         t does not divide hidden.
// Ledger: forward one all_reduce of tokens × width, backward one of the same size, nothing else.
#include "exercises/05_parallel_mlp/1_one_all_reduce.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor mlp_forward(Communicator& group, const Tensor& x, const MlpPart& mlp, Tensor& before_gelu) {
  todo("mlp_forward");
}

Tensor mlp_backward(Communicator& group, const Tensor& x, const MlpPart& mlp,
                    const Tensor& before_gelu, const Tensor& dz, MlpPart& gradients) {
  todo("mlp_backward");
}

}  // namespace shard
